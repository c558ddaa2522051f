// The top k of a short list, ties to the lower index: the inner loop of every router.
#pragma once

#include <cstdint>
#include <span>

namespace moesim {

/// Writes the indices (plus `offset`) of the `chosen.size()` largest of `scores` in falling order.
/// O(n k) with early rejection: for k of 8 and n of 256 faster than a heap. Scores of -infinity are
/// never chosen before finite ones.
void select_top(std::span<const float> scores, std::span<std::uint16_t> chosen,
                std::uint16_t offset = 0);

}  // namespace moesim
