// What makes two runs the same run: a hash of everything the simulator reads from the scenario,
// defaults filled in, and of the program's version. Title, question and timeline window change no
// number and are left out. The contents of files that a scenario names (traces, profiles) are not
// in it: whoever changes those starts a new store.
#pragma once

#include <string>
#include <string_view>

#include "sim/serving/serving_scenario.hpp"

namespace moesim {

/// 32 hexadecimal digits of FNV-1a with 128 bits
/// (http://www.isthe.com/chongo/tech/comp/fnv/, offset basis and prime of that size).
std::string hash_text(std::string_view text);

std::string point_key(const ServingScenario& scenario);

}  // namespace moesim
