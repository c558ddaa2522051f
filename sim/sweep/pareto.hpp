// Trade-offs between goals: which designs no other design beats in everything, and where on that
// front giving up a little of one goal stops buying much of the other. Every goal is a cost here
// (smaller is better; negate what should grow). Plain numbers in, indices out.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace moesim {

/// Indices of the points that no other point dominates (nowhere worse, somewhere better), ordered
/// by the first cost, then the others, then the index. Points of equal costs all stay.
std::vector<std::size_t> pareto_front(std::span<const std::vector<double>> costs);

/// Knees of a front of two costs, ordered by the first: positions in `front` that lie deepest below
/// the chord between their neighbours on the list (ends at first, then every knee found), as long
/// as they do so by `depth` of the front's extent. At most `most`.
std::vector<std::size_t> knees_of(std::span<const std::vector<double>> front, std::size_t most,
                                  double depth = 0.05);

}  // namespace moesim
