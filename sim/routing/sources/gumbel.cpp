#include "sim/routing/sources/gumbel.hpp"

#include "sim/core/portable_math.hpp"
#include "sim/core/random.hpp"

namespace moesim {

Choices gumbel_choices(const ChoiceSource::Context& context, std::int64_t layer, std::int64_t tokens,
                       std::span<const double> log_weights, Router& router) {
  const RandomStream stream(context.seed, stream_id("gumbel", static_cast<std::uint64_t>(layer)));
  const auto k = static_cast<std::size_t>(context.top_k);
  Choices choices{context.top_k, std::vector<std::uint16_t>(static_cast<std::size_t>(tokens) * k)};
  std::vector<float> logits(log_weights.size());
  std::uint64_t draw = 0;
  const auto gumbel = [](std::uint32_t word) {
    return -portable_log(-portable_log((static_cast<double>(word) + 0.5) * 0x1p-32));
  };
  for (std::size_t t = 0; t < static_cast<std::size_t>(tokens); ++t) {
    for (std::size_t e = 0; e < logits.size(); e += 4) {
      const auto words = stream.block(draw++);
      for (std::size_t i = 0; i < 4 && e + i < logits.size(); ++i)
        logits[e + i] = static_cast<float>(log_weights[e + i] + gumbel(words[i]));
    }
    router.choose(logits, std::span(choices.experts).subspan(t * k, k));
  }
  return choices;
}

}  // namespace moesim
