#include "calibrate/expert_counts.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "sim/core/random.hpp"

namespace moesim {
namespace {

/// Token i's choice number j is expert i + j ceil(E/k), spread over the experts when there are few
/// tokens.
std::vector<std::int64_t> balanced(std::int64_t tokens, std::int64_t experts, std::int64_t topk) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(experts));
  const std::int64_t stride = (experts + topk - 1) / topk;
  // Every `experts` tokens the pattern repeats.
  const std::int64_t rounds = tokens >= stride ? tokens / experts : 0;
  for (auto& count : counts) count = rounds * topk;
  for (std::int64_t token = rounds * experts; token < tokens; ++token)
    for (std::int64_t choice = 0; choice < topk; ++choice) {
      const double first = tokens >= stride
                               ? static_cast<double>(token)
                               : static_cast<double>(token * stride) / static_cast<double>(tokens);
      const auto expert =
          static_cast<std::int64_t>(first + static_cast<double>(choice * stride)) % experts;
      ++counts[static_cast<std::size_t>(expert)];
    }
  return counts;
}

/// The same under group-limited routing, 8 groups of which a token uses 4: with one equal choice in
/// every group, ties leave the first 4 groups, and the other choices fall on the first experts that
/// were not wanted. Matches the number of active experts that the measured times imply (SGLang
/// 0.5.14, DeepSeek-V3: 8, 12, 20, 36, 68, 128 for 1, 2, 4, 8, 16, 32 tokens).
std::vector<std::int64_t> balanced_in_groups(std::int64_t tokens, std::int64_t experts,
                                             std::int64_t topk) {
  constexpr std::int64_t groups = 8, used = 4;
  auto counts = balanced(tokens, experts, topk);
  std::int64_t moved = 0;
  for (std::int64_t expert = experts / groups * used; expert < experts; ++expert)
    moved += std::exchange(counts[static_cast<std::size_t>(expert)], 0);
  for (std::int64_t i = 0; i < topk - used; ++i)
    counts[static_cast<std::size_t>(i)] += moved / (topk - used);
  return counts;
}

/// Shares of a bounded power law at evenly spread quantiles (the draw itself is not known), in a
/// fixed random order over the experts.
std::vector<std::int64_t> power_law(std::int64_t tokens, std::int64_t experts, std::int64_t topk,
                                    double alpha) {
  const bool many = tokens * topk > experts;
  const double low = many ? 1.0 : 0.01;
  const double high = many ? static_cast<double>(tokens) * 0.8 : 2.0;
  const double a = std::pow(low, 1 - alpha), b = std::pow(high, 1 - alpha);
  const auto size = static_cast<std::size_t>(experts);
  std::vector<double> share(size);
  for (std::size_t i = 0; i < size; ++i) {
    const double u = (static_cast<double>(i) + 0.5) / static_cast<double>(experts);
    share[i] = std::pow((b - a) * u + a, 1 / (1 - alpha));
  }
  const double sum = std::accumulate(share.begin(), share.end(), 0.0);
  const std::int64_t target = tokens * topk;
  std::vector<std::int64_t> counts(size);
  std::int64_t placed = 0;
  for (std::size_t i = 0; i < size; ++i) {
    counts[i] = std::llround(share[i] / sum * static_cast<double>(target));
    placed += counts[i];
  }
  // Rounding: the largest get one more each, or the smallest one less.
  for (std::size_t i = size - 1; placed < target; i = i == 0 ? size - 1 : i - 1, ++placed)
    ++counts[i];
  for (std::size_t i = 0; placed > target; i = (i + 1) % size)
    if (counts[i] > 0) {
      --counts[i];
      --placed;
    }
  // A token chooses an expert once: what is above `tokens` goes to the next smaller ones.
  std::int64_t overflow = 0;
  for (std::size_t i = size; i-- > 0;) {
    counts[i] += overflow;
    overflow = std::max<std::int64_t>(0, counts[i] - tokens);
    counts[i] -= overflow;
  }
  const RandomStream random(0, stream_id("expert order"));
  for (std::size_t i = 0; i + 1 < size; ++i) {  // Fisher-Yates with a fixed stream
    const auto left = static_cast<std::uint64_t>(size - i);
    const auto j = i + static_cast<std::size_t>(random.block(i)[0] % left);
    std::swap(counts[i], counts[j]);
  }
  return counts;
}

}  // namespace

std::vector<std::int32_t> rebuild_counts(std::int64_t tokens, std::int64_t experts,
                                         std::int64_t topk, std::int64_t expert_parallel,
                                         const std::string& distribution, bool group_limited) {
  std::vector<std::int64_t> counts;
  const std::string prefix = "power_law_";
  if (distribution == "balanced") {
    counts =
        group_limited ? balanced_in_groups(tokens, experts, topk) : balanced(tokens, experts, topk);
  } else if (distribution.starts_with(prefix)) {
    char* end = nullptr;
    const double alpha = std::strtod(distribution.c_str() + prefix.size(), &end);
    if (*end != '\0' || !(alpha > 0) || std::fabs(alpha - 1) < 1e-6) return {};
    counts = power_law(tokens, experts, topk, alpha);
  } else {
    return {};
  }
  const auto local = static_cast<std::size_t>(experts / expert_parallel);
  std::size_t busiest = 0;
  std::int64_t most = -1;
  for (std::size_t first = 0; first + local <= counts.size(); first += local) {
    const auto load = std::accumulate(counts.begin() + static_cast<std::ptrdiff_t>(first),
                                      counts.begin() + static_cast<std::ptrdiff_t>(first + local),
                                      std::int64_t{0});
    if (load > most) {
      most = load;
      busiest = first;
    }
  }
  std::vector<std::int32_t> result(local);
  for (std::size_t i = 0; i < local; ++i)
    result[i] = static_cast<std::int32_t>(counts[busiest + i]);
  return result;
}

}  // namespace moesim
