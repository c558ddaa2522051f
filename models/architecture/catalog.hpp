// Finds a model by name: one that ships with moesim (models/architecture/data), by its name or an
// alias such as its Hugging Face id, or one of the user's, by the path of a config.json, of a
// folder with one, or of a YAML description.
#pragma once

#include <string>
#include <vector>

#include "models/architecture/model.hpp"
#include "sim/core/error.hpp"

namespace moesim {

/// Names of the models that ship with moesim, in alphabetical order.
std::vector<std::string> model_names();

/// Names first (upper and lower case are the same), then paths, which are relative to the working
/// directory. Throws InputError, with the nearest name when neither is found; `asked` is the place
/// in the input that names the model.
Model load_model(const std::string& name_or_path, const Location& asked = {});

}  // namespace moesim
