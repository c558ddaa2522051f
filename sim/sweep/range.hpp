// The values of a range on an axis, {from, to, step} or {from, to, points, scale: linear | log}:
// plain numbers or quantities, written as a scenario would.
#pragma once

#include <vector>

#include "sim/core/node.hpp"

namespace moesim {

/// A range of more than this many values is refused: nobody means it.
inline constexpr int kMaxRange = 10000;

/// Scalars with the place of the range. Throws InputError.
std::vector<Node> read_range(const Node& node);

}  // namespace moesim
