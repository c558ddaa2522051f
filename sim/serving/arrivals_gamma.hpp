// Gamma variates that are a pure function of (seed, stream, index). Marsaglia and Tsang, "A simple
// method for generating gamma variables", ACM TOMS 26(3), 2000: squeeze and rejection from a
// normal, and for shapes below 1 the boost of their section 6. Rejected tries draw from a
// sub-stream of the index, so index i never depends on index i-1.
#pragma once

#include <cstdint>
#include <string_view>

namespace moesim {

/// Variate `index` with mean `shape` and variance `shape` (scale 1); shape must be positive.
double gamma_variate(std::uint64_t seed, std::string_view stream, std::uint64_t index,
                     double shape);

}  // namespace moesim
