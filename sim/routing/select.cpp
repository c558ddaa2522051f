#include "sim/routing/select.hpp"

#include <cassert>

namespace moesim {

void select_top(std::span<const float> scores, std::span<std::uint16_t> chosen,
                std::uint16_t offset) {
  assert(chosen.size() <= scores.size());
  std::size_t held = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (held == chosen.size() && scores[i] <= scores[chosen[held - 1]]) continue;
    std::size_t at = held < chosen.size() ? held++ : held - 1;
    for (; at > 0 && scores[i] > scores[chosen[at - 1]]; --at) chosen[at] = chosen[at - 1];
    chosen[at] = static_cast<std::uint16_t>(i);
  }
  for (auto& id : chosen) id = static_cast<std::uint16_t>(id + offset);
}

}  // namespace moesim
