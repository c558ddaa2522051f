// What makes two runs the same run: a hash of everything the simulator reads from the scenario,
// defaults filled in, and of the program's version. Title, question and timeline window change no
// number and are left out. The contents of files that a scenario names (traces, profiles) are not
// in it: whoever changes those starts a new store.
#pragma once

#include <string>
#include <string_view>

#include "sim/core/node.hpp"

namespace moesim {

/// 32 hexadecimal digits of FNV-1a with 128 bits
/// (http://www.isthe.com/chongo/tech/comp/fnv/, offset basis and prime of that size).
std::string hash_text(std::string_view text);

/// Of a scenario of either kind. Throws InputError where it cannot be read, and where a study is
/// not of one collective under one transport: the result of a point is one row.
std::string point_key(const Node& scenario);

}  // namespace moesim
