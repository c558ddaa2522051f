#include "sim/routing/sources/gumbel.hpp"

#include <algorithm>

#include "sim/core/portable_math.hpp"
#include "sim/core/random.hpp"

namespace moesim {

void fill_gumbel(const RandomStream& stream, std::uint64_t row, std::span<float> noise) {
  const std::size_t blocks = (noise.size() + 3) / 4;
  for (std::size_t b = 0; b < blocks; ++b) {
    const auto words = stream.block(row * blocks + b);
    const std::size_t last = std::min<std::size_t>(4, noise.size() - 4 * b);
    for (std::size_t i = 0; i < last; ++i) {  // 23 bits, centred: exact in a float, never 0 or 1
      const float uniform = (static_cast<float>(words[i] >> 9) + 0.5f) * 0x1p-23f;
      noise[4 * b + i] = -portable_log(-portable_log(uniform));
    }
  }
}

Choices gumbel_choices(const ChoiceSource::Context& context, std::int64_t layer,
                       std::int64_t tokens, std::span<const double> log_weights, Router& router) {
  const RandomStream stream(context.seed, stream_id("gumbel", static_cast<std::uint64_t>(layer)));
  const auto k = static_cast<std::size_t>(router.width()), experts = log_weights.size();
  Choices choices{router.width(), std::vector<std::uint16_t>(static_cast<std::size_t>(tokens) * k)};
  std::vector<float> logits(static_cast<std::size_t>(tokens) * experts);
  for (std::size_t t = 0; t < static_cast<std::size_t>(tokens); ++t) {
    const auto row = std::span(logits).subspan(t * experts, experts);
    fill_gumbel(stream, t, row);
    for (std::size_t e = 0; e < experts; ++e) row[e] += static_cast<float>(log_weights[e]);
  }
  router.route({layer, context.moe_layers, context.experts}, logits, choices.experts);
  return choices;
}

}  // namespace moesim
