// Engine profiles: what a serving engine does that the hardware does not decide, as the values of
// `engine` that a scenario starts from (sim/serving/engines/NAME.yaml, sources and fit in each).
#pragma once

#include <string>
#include <vector>

#include "sim/core/node.hpp"

namespace moesim {

/// Names of those that ship, sorted.
std::vector<std::string> engine_profile_names();

/// `document` over the values of the profiles that `engine.profile` and the engines of the two
/// pools of `disaggregation` name; as it is when they name none. Throws InputError at the name when
/// there is no such profile.
Node with_engine_profile(const Node& document);

}  // namespace moesim
