// Import of a Hugging Face config.json as it is. Which keys mean what is decided by its model_type;
// a type, a quantisation or a structural key that is not understood is refused by name, never
// dropped. Multi-token-prediction modules and vision towers are left out, with a note in the model.
#pragma once

#include <string>
#include <vector>

#include "models/architecture/model.hpp"

namespace moesim {

/// The model that the text of a config.json describes, named after `name`. Throws InputError at
/// file:line:column.
Model read_hugging_face_config(const std::string& text, const std::string& file,
                               const std::string& name);

/// The values of model_type that the import understands.
std::vector<std::string> imported_model_types();

}  // namespace moesim
