// `moesim model show`: one model as text for people. Parameters and bytes by part, key-value cache
// and FLOPs per token; all from models/architecture. The wording may change; programs read the JSON
// results instead.
#pragma once

#include <string>

#include "models/architecture/model.hpp"

namespace moesim {

/// Several lines, the last one ended by a newline. Sizes are decimal (1 GB = 1e9 bytes).
std::string show_model(const Model& model);

}  // namespace moesim
