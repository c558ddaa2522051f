#include "sim/routing/generator.hpp"

#include <algorithm>
#include <cmath>

#include "sim/core/portable_math.hpp"
#include "sim/core/random.hpp"
#include "sim/routing/sources/gumbel.hpp"

namespace moesim {
namespace {

constexpr float kFast = 0.5f, kSlow = 0.95f;  // autocorrelation per token, see the header

/// An AR(1) process of unit variance for each of a few numbers.
class Wandering {
 public:
  Wandering(const RandomStream& stream, std::size_t rank, float persistence)
      : stream_(stream),
        persistence_(persistence),
        fresh_(std::sqrt(1 - persistence * persistence)),
        noise_(rank) {
    stream_.fill_normal(0, noise_);
    state = noise_;
  }
  void step() {
    next_ += (noise_.size() + 3) / 4;
    stream_.fill_normal(next_, noise_);
    for (std::size_t i = 0; i < state.size(); ++i)
      state[i] = persistence_ * state[i] + fresh_ * noise_[i];
  }
  std::vector<float> state;

 private:
  RandomStream stream_;
  std::uint64_t next_ = 0;
  float persistence_, fresh_;
  std::vector<float> noise_;
};

/// Latent preference [tokens x rank] of a sequence's tokens.
void add_latent(const RoutingProfile& profile, const GeneratorShape& shape, std::size_t index,
                std::int64_t tokens, std::vector<float>& latent) {
  const auto rank = static_cast<std::size_t>(profile.latent_rank);
  const auto part = [&](std::string_view name, float persistence) {
    return Wandering(RandomStream(shape.seed, stream_id(name, index)), rank, persistence);
  };
  auto fresh = part("token latent", 0), fast = part("short latent", kFast),
       slow = part("long latent", kSlow);
  const double rest = std::max(0.0, 1 - profile.token_share - profile.context_share);
  const auto scale = [&](double share) {
    return static_cast<float>(profile.latent_sigma *
                              std::sqrt(share / static_cast<double>(profile.latent_rank)));
  };
  const float a = scale(rest), b = scale(profile.token_share), c = scale(profile.context_share);
  for (std::int64_t t = 0; t < tokens; ++t) {
    for (std::size_t i = 0; i < rank; ++i)
      latent.push_back(a * fresh.state[i] + b * fast.state[i] + c * slow.state[i]);
    fresh.step();
    fast.step();
    slow.step();
  }
}

/// Adds what the tokens' latent preferences mean to the experts of a layer.
void load_latent(const GeneratorShape& shape, std::int64_t layer, std::size_t rank,
                 std::span<const float> latent, std::span<float> logits) {
  const auto experts = static_cast<std::size_t>(shape.experts);
  std::vector<float> loading(rank * experts);
  const RandomStream stream(shape.seed,
                            stream_id("latent loading", static_cast<std::uint64_t>(layer)));
  stream.fill_normal(0, loading);
  for (std::size_t e = 0; e < experts; ++e) {  // of the same length for every expert: what makes
    float square = 0;                          // one popular is popularity alone
    for (std::size_t i = 0; i < rank; ++i)
      square += loading[i * experts + e] * loading[i * experts + e];
    const float scale = square > 0 ? std::sqrt(static_cast<float>(rank) / square) : 0;
    for (std::size_t i = 0; i < rank; ++i) loading[i * experts + e] *= scale;
  }
  for (std::size_t t = 0; t * rank < latent.size(); ++t) {
    float* row = &logits[t * experts];
    for (std::size_t i = 0; i < rank; ++i) {
      const float weight = latent[t * rank + i];
      const float* column = &loading[i * experts];
      for (std::size_t e = 0; e < experts; ++e) row[e] += weight * column[e];
    }
  }
}

void add_sequence(const RoutingProfile& profile, const GeneratorShape& shape, std::int64_t layer,
                  std::size_t index, const GeneratedSequence& sequence, std::span<float> logits) {
  const auto experts = static_cast<std::size_t>(shape.experts);
  const auto popularity = log_popularity(profile, shape, layer, sequence.domain);
  const RandomStream noise(shape.seed,
                           stream_id("generated gumbel", static_cast<std::uint64_t>(layer), index));
  for (std::int64_t t = 0; t < sequence.tokens; ++t) {
    const auto row = logits.subspan(static_cast<std::size_t>(t) * experts, experts);
    fill_gumbel(noise, static_cast<std::uint64_t>(t), row);
    for (std::size_t e = 0; e < experts; ++e) row[e] += static_cast<float>(popularity[e]);
  }
}

}  // namespace

void standardise(std::span<double> values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0, square = 0;
  for (const double v : values) mean += v / n;
  for (const double v : values) square += (v - mean) * (v - mean) / n;
  const double scale = square > 0 ? 1 / std::sqrt(square) : 0;
  for (auto& v : values) v = (v - mean) * scale;
}

std::vector<double> log_popularity(const RoutingProfile& profile, const GeneratorShape& shape,
                                   std::int64_t layer, std::int64_t domain) {
  const auto experts = static_cast<std::size_t>(shape.experts);
  const auto l = static_cast<std::uint64_t>(layer), d = static_cast<std::uint64_t>(domain);
  const double common =
      shape.common.empty() ? profile.common : shape.common[static_cast<std::size_t>(layer)];
  std::vector<double> values(experts, 0);
  const double fresh = std::sqrt(std::max(0.0, 1 - shape.drift * shape.drift));
  for (std::int64_t n = 0; n <= shape.epoch; ++n) {
    const auto epoch = static_cast<std::uint64_t>(n) * experts;
    const RandomStream shared(shape.seed, stream_id("popularity", l)),
        own(shape.seed, stream_id("domain popularity", l, d));
    for (std::size_t e = 0; e < experts; ++e) {
      const double z = std::sqrt(common) * shared.normal(epoch + e) +
                       std::sqrt(1 - common) * own.normal(epoch + e);
      values[e] = n == 0 ? z : shape.drift * values[e] + fresh * z;
    }
  }
  standardise(values);
  if (!profile.popularity.empty()) {
    for (auto& v : values) v = profile.popularity_at(v);
    standardise(values);
  }
  const double sigma = profile.sigma_at(layer, shape.moe_layers);
  for (auto& v : values) v *= sigma;
  return values;
}

RecordedTrace generate_trace(const RoutingProfile& profile, const GeneratorShape& shape,
                             std::span<const GeneratedSequence> sequences, Router& router) {
  RecordedTrace trace;
  trace.file = profile.model;
  trace.experts = shape.experts;
  trace.top_k = router.width();
  for (std::size_t s = 0; s < sequences.size(); ++s)
    trace.sequence.insert(trace.sequence.end(), static_cast<std::size_t>(sequences[s].tokens),
                          static_cast<std::int32_t>(s));
  const auto experts = static_cast<std::size_t>(shape.experts),
             width = static_cast<std::size_t>(trace.top_k), tokens = trace.sequence.size();
  std::vector<float> logits(tokens * experts), latent;
  for (std::size_t s = 0; profile.latent_sigma > 0 && s < sequences.size(); ++s)
    add_latent(profile, shape, s, sequences[s].tokens, latent);
  for (std::int64_t layer = 0; layer < shape.moe_layers; ++layer) {
    std::size_t first = 0;
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      const auto count = static_cast<std::size_t>(sequences[s].tokens);
      add_sequence(profile, shape, layer, s, sequences[s],
                   std::span(logits).subspan(first * experts, count * experts));
      first += count;
    }
    if (!latent.empty())
      load_latent(shape, layer, static_cast<std::size_t>(profile.latent_rank), latent, logits);
    auto& chosen = trace.by_layer.emplace_back(tokens * width, kNoExpert);
    router.route({layer, shape.moe_layers, shape.experts}, logits, chosen);
  }
  return trace;
}

}  // namespace moesim
