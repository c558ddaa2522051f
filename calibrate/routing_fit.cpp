#include "calibrate/routing_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "sim/core/portable_math.hpp"

namespace moesim {
namespace {

constexpr int kRounds = 14, kAveraged = 5;
constexpr double kWidest = 8;  // spread of logits: beyond it Gumbel noise no longer matters
constexpr std::int64_t kTokensPerRound = 3072;  // of every trace

/// What the fit turns its parameters for.
struct Moments {
  std::vector<double> collision;  ///< [layers]
  std::vector<double> curve;      ///< [knots] log load by popularity, standardised, over layers
  double near = 0, far = 0, next_layer = 0;
};

/// Log share of the experts from the least to the most chosen one, standardised, at the knots of
/// RoutingProfile::popularity; mean over layers. What is below a tenth of the mean counts as that.
std::vector<double> load_curve(const RecordedTrace& trace) {
  const auto experts = static_cast<std::size_t>(trace.experts);
  const double mean = static_cast<double>(trace.top_k) / static_cast<double>(experts);
  std::vector<double> sorted(experts, 0);
  for (std::int64_t l = 0; l < trace.layers(); ++l) {
    auto share = inclusion_of(trace, l);
    for (auto& p : share) p = portable_log(std::max(p, 0.1 * mean));
    std::ranges::sort(share);
    standardise(share);
    for (std::size_t e = 0; e < experts; ++e)
      sorted[e] += share[e] / static_cast<double>(trace.layers());
  }
  std::vector<double> curve;
  for (std::size_t k = 0; k < RoutingProfile::kPopularityKnots; ++k) {
    const double normal =
        RoutingProfile::kFirstKnot + RoutingProfile::kKnotStep * static_cast<double>(k);
    const double below = 0.5 * std::erfc(-normal / std::numbers::sqrt2);  // share of experts
    const double last = static_cast<double>(experts - 1);
    const double at = std::clamp(below * (last + 1) - 0.5, 0.0, last);
    const auto first = static_cast<std::size_t>(at);
    curve.push_back(std::lerp(sorted[first], sorted[std::min(first + 1, experts - 1)],
                              at - static_cast<double>(first)));
  }
  return curve;
}

Moments moments(const RecordedTrace& trace) {
  const auto s = routing_statistics(trace);
  return {s.layer_collision, load_curve(trace), s.reuse - s.reuse_far, s.reuse_far - s.collision,
          s.next_layer - s.next_layer_independent};
}

Moments mean(const std::vector<Moments>& all) {
  Moments sum;
  const double n = static_cast<double>(all.size());
  sum.collision.assign(all.front().collision.size(), 0);
  sum.curve.assign(all.front().curve.size(), 0);
  for (const auto& m : all) {
    for (std::size_t l = 0; l < sum.collision.size(); ++l) sum.collision[l] += m.collision[l] / n;
    sum.near += m.near / n;
    sum.far += m.far / n;
    sum.next_layer += m.next_layer / n;
    for (std::size_t k = 0; k < sum.curve.size(); ++k) sum.curve[k] += m.curve[k] / n;
  }
  return sum;
}

/// Moves a spread so that what grows with its square comes closer to the target.
double turned(double value, double target, double found) {
  if (target <= 0) return value * 0.5;
  const double ratio = found > 0 ? target / found : 4;
  return std::clamp(value * std::clamp(std::sqrt(ratio), 0.6, 1.6), 1e-3, kWidest);
}

/// The same for a share of variance.
double turned_share(double value, double target, double found, double most) {
  if (target <= 0) return value * 0.5;
  const double ratio = found > 0 ? target / found : 2;
  return std::clamp(value * std::clamp(ratio, 0.6, 1.6), 0.0, most);
}

std::vector<GeneratedSequence> shortened(std::vector<GeneratedSequence> sequences) {
  std::int64_t left = kTokensPerRound;
  for (auto& s : sequences) {
    s.tokens = std::min(s.tokens, left);
    left -= s.tokens;
  }
  std::erase_if(sequences, [](const auto& s) { return s.tokens == 0; });
  return sequences;
}

RecordedTrace generated(const RoutingProfile& profile, std::int64_t layers, std::uint64_t seed,
                        std::span<const GeneratedSequence> sequences) {
  const auto router = Choice<Router>("top-k").make({profile.experts, profile.top_k, 1, 1});
  GeneratorShape shape;
  shape.moe_layers = layers;
  shape.experts = profile.experts;
  shape.seed = seed;
  return generate_trace(profile, shape, sequences, *router);
}

double correlation(std::span<const double> a, std::span<const double> b) {
  double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
  const double n = static_cast<double>(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) ma += a[i] / n, mb += b[i] / n;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 1;
}

/// An expert that nobody chose counts as half of the least share.
std::vector<double> logs(std::vector<double> share) {
  double least = 1;
  for (const double p : share)
    if (p > 0) least = std::min(least, p);
  for (auto& p : share) p = portable_log(std::max(p, least / 2));
  return share;
}

std::vector<std::vector<double>> inclusions(const RecordedTrace& trace, std::int64_t experts) {
  std::vector<std::vector<double>> all;
  for (std::int64_t l = 0; l < trace.layers(); ++l) {
    all.push_back(inclusion_of(trace, l));
    all.back().resize(static_cast<std::size_t>(experts), 0);
  }
  return all;
}

void require_one_shape(std::span<const RecordedTrace* const> traces) {
  const auto& first = *traces.front();
  for (const auto* trace : traces)
    if (trace->layers() != first.layers() || trace->top_k != first.top_k)
      throw InputError(
          Location{trace->file, 1, 1},
          fmt::format("{} layers, {} experts per token; {} has {} and {}: traces of "
                      "one model are fitted together",
                      trace->layers(), trace->top_k, first.file, first.layers(), first.top_k));
}

}  // namespace

double popularity_correlation(const std::vector<std::vector<std::vector<double>>>& shares) {
  double sum = 0, pairs = 0;
  for (std::size_t a = 0; a < shares.size(); ++a)
    for (std::size_t b = a + 1; b < shares.size(); ++b)
      for (std::size_t l = 0; l < std::min(shares[a].size(), shares[b].size()); ++l, ++pairs)
        sum += correlation(logs(shares[a][l]), logs(shares[b][l]));
  return pairs > 0 ? std::clamp(sum / pairs, 0.0, 1.0) : 1;
}

RecordedTrace half_of(const RecordedTrace& trace, bool first) {
  const auto sequences = trace.sequence.back() + 1;
  const auto belongs = [&](std::size_t token) {
    const bool early =
        sequences > 1 ? trace.sequence[token] < sequences / 2 : token < trace.sequence.size() / 2;
    return early == first;
  };
  RecordedTrace half;
  half.file = trace.file;
  half.experts = trace.experts;
  half.top_k = trace.top_k;
  half.by_layer.resize(trace.by_layer.size());
  for (std::size_t t = 0; t < trace.sequence.size(); ++t) {
    if (!belongs(t)) continue;
    half.sequence.push_back(trace.sequence[t]);
    for (std::int64_t l = 0; l < trace.layers(); ++l) {
      const auto ids = trace.choices(l, static_cast<std::int64_t>(t));
      auto& into = half.by_layer[static_cast<std::size_t>(l)];
      into.insert(into.end(), ids.begin(), ids.end());
    }
  }
  return half;
}

std::vector<GeneratedSequence> sequences_of(const RecordedTrace& trace, std::int64_t domain) {
  std::vector<GeneratedSequence> all;
  for (std::size_t t = 0; t < trace.sequence.size(); ++t) {
    if (t == 0 || trace.sequence[t] != trace.sequence[t - 1]) all.push_back({0, domain});
    ++all.back().tokens;
  }
  return all;
}

RoutingProfile fit_routing(std::span<const RecordedTrace* const> traces) {
  require_one_shape(traces);
  RoutingProfile profile;
  const auto layers = traces.front()->layers();
  profile.top_k = traces.front()->top_k;
  std::vector<Moments> recorded;
  std::vector<std::vector<GeneratedSequence>> plans;
  std::vector<std::vector<std::vector<double>>> popularity;
  for (std::size_t i = 0; i < traces.size(); ++i) {
    profile.experts = std::max(profile.experts, traces[i]->experts);
    recorded.push_back(moments(*traces[i]));
    plans.push_back(shortened(sequences_of(*traces[i], static_cast<std::int64_t>(i))));
  }
  for (const auto* trace : traces) popularity.push_back(inclusions(*trace, profile.experts));
  profile.common = popularity_correlation(popularity);
  const auto target = mean(recorded);
  const double uniform = static_cast<double>(profile.top_k) / static_cast<double>(profile.experts);
  profile.sigma.assign(static_cast<std::size_t>(layers), 0.7);
  profile.latent_sigma = 1;
  profile.token_share = profile.context_share = 0.3;
  profile.popularity = target.curve;
  RoutingProfile average = profile;
  average.popularity.assign(profile.popularity.size(), 0);
  average.sigma.assign(profile.sigma.size(), 0);
  average.latent_sigma = average.token_share = average.context_share = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Moments> found;
    for (const auto& plan : plans)
      found.push_back(
          moments(generated(profile, layers, 1000 + static_cast<std::uint64_t>(round), plan)));
    const auto now = mean(found);
    for (std::size_t l = 0; l < profile.sigma.size(); ++l)
      profile.sigma[l] =
          turned(profile.sigma[l], target.collision[l] - uniform, now.collision[l] - uniform);
    for (std::size_t k = 0; k < profile.popularity.size(); ++k)
      profile.popularity[k] += target.curve[k] - now.curve[k];
    std::ranges::sort(profile.popularity);
    profile.latent_sigma = turned(profile.latent_sigma, target.next_layer, now.next_layer);
    profile.context_share = turned_share(profile.context_share, target.far, now.far, 1);
    profile.token_share =
        turned_share(profile.token_share, target.near, now.near, 1 - profile.context_share);
    if (round < kRounds - kAveraged) continue;
    for (std::size_t l = 0; l < profile.sigma.size(); ++l)
      average.sigma[l] += profile.sigma[l] / kAveraged;
    for (std::size_t k = 0; k < profile.popularity.size(); ++k)
      average.popularity[k] += profile.popularity[k] / kAveraged;
    average.latent_sigma += profile.latent_sigma / kAveraged;
    average.token_share += profile.token_share / kAveraged;
    average.context_share += profile.context_share / kAveraged;
  }
  // Experts that are all chosen alike have no shape (nor spread).
  if (average.popularity.back() - average.popularity.front() < 0.01) average.popularity.clear();
  return average;
}

RoutingStatistics predict_routing(const RoutingProfile& profile, std::int64_t layers,
                                  std::span<const GeneratedSequence> sequences) {
  constexpr int kSeeds = 8;
  RoutingStatistics mean;
  const auto add = [](auto& sum, const auto& one) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += one[i] / kSeeds;
  };
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto s = routing_statistics(generated(profile, layers, seed, sequences), seed);
    mean.max_over_mean += s.max_over_mean / kSeeds;
    mean.collision += s.collision / kSeeds;
    mean.reuse += s.reuse / kSeeds;
    mean.reuse_far += s.reuse_far / kSeeds;
    mean.next_layer += s.next_layer / kSeeds;
    mean.next_layer_independent += s.next_layer_independent / kSeeds;
    add(mean.distinct, s.distinct);
    add(mean.rank_imbalance, s.rank_imbalance);
    add(mean.batch_imbalance, s.batch_imbalance);
  }
  return mean;
}

}  // namespace moesim
