// Colours the edges of a bipartite multigraph so that, at every vertex, the numbers of edges of any
// two colours differ by at most what degree / colours rounds to: a vertex of degree d has at most
// ceil(d / colours) of each. That is how a permutation of equal flows gets distinct spines in a
// non-blocking Clos fabric. Koenig's theorem by alternating paths, vertices of larger degree split.
#pragma once

#include <utility>
#include <vector>

namespace moesim {

/// Colour of every edge (left vertex, right vertex), each in [0, colours). Deterministic.
std::vector<int> edge_colouring(const std::vector<std::pair<int, int>>& edges, int colours);

}  // namespace moesim
