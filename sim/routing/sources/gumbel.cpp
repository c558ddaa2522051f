#include "sim/routing/sources/gumbel.hpp"

#include "sim/core/portable_math.hpp"
#include "sim/core/random.hpp"

namespace moesim {

Choices gumbel_choices(const ChoiceSource::Context& context, std::int64_t layer,
                       std::int64_t tokens, std::span<const double> log_weights, Router& router) {
  const RandomStream stream(context.seed, stream_id("gumbel", static_cast<std::uint64_t>(layer)));
  const auto k = static_cast<std::size_t>(context.top_k);
  Choices choices{context.top_k, std::vector<std::uint16_t>(static_cast<std::size_t>(tokens) * k)};
  const std::size_t experts = log_weights.size();
  const std::vector<float> base(log_weights.begin(), log_weights.end());
  const std::size_t blocks = (experts + 3) / 4;
  std::vector<float> uniform(4 * blocks), logits(experts);
  for (std::size_t t = 0; t < static_cast<std::size_t>(tokens); ++t) {
    for (std::size_t b = 0; b < blocks; ++b) {
      const auto words = stream.block(t * blocks + b);
      for (std::size_t i = 0; i < 4; ++i)  // 23 bits, centred: exact in a float, never 0 or 1
        uniform[4 * b + i] = (static_cast<float>(words[i] >> 9) + 0.5f) * 0x1p-23f;
    }
    for (std::size_t e = 0; e < experts; ++e)
      logits[e] = base[e] - portable_log(-portable_log(uniform[e]));
    router.choose(logits, std::span(choices.experts).subspan(t * k, k));
  }
  return choices;
}

}  // namespace moesim
