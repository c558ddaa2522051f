#include "sim/routing/router.hpp"

#include <algorithm>

namespace moesim {

void Router::route(const RoutedLayer& layer, std::span<const float> logits,
                   std::span<std::uint16_t> chosen) {
  const auto experts = static_cast<std::size_t>(layer.experts),
             k = static_cast<std::size_t>(width());
  std::ranges::fill(chosen, kNoExpert);
  for (std::size_t t = 0; t * experts < logits.size(); ++t)
    choose(logits.subspan(t * experts, experts), chosen.subspan(t * k, k));
}

}  // namespace moesim
