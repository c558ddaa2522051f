#include "calibrate/power_law_draws.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/core/random.hpp"

namespace moesim {
namespace {

using Counts = std::vector<std::int64_t>;

constexpr std::int64_t kGroups = 8, kUsedGroups = 4;  // DeepSeek-V3's config.json

Counts in_descending_order(const Counts& counts) {
  Counts order(counts.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater{},
                           [&](auto e) { return counts[static_cast<std::size_t>(e)]; });
  return order;
}

/// Adds `step` `remaining` times, one rank after the other, each time to the expert of the rank
/// that `pick` finds among those that are `valid`.
template <class Valid, class Pick>
void round_robin(Counts& counts, std::int64_t local, std::int64_t remaining, int step, Valid valid,
                 Pick pick) {
  for (bool progressed = true; remaining > 0 && progressed;) {
    progressed = false;
    for (auto rank = counts.begin(); rank != counts.end() && remaining > 0; rank += local) {
      const auto chosen = pick(rank, rank + local);
      if (!valid(*chosen)) continue;
      *chosen += step;
      --remaining;
      progressed = true;
    }
  }
}

/// No expert above `tokens`, and the sum as it must be.
void settle(Counts& counts, const PowerLaw& law) {
  const auto local = law.experts / law.expert_parallel;
  for (auto& count : counts) count = std::min(count, law.tokens);
  const auto delta =
      law.tokens * law.topk - std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  const auto least = [](auto first, auto last) { return std::min_element(first, last); };
  const auto most = [](auto first, auto last) { return std::max_element(first, last); };
  const auto has_room = [&](auto count) { return count < law.tokens; };
  const auto has_some = [](auto count) { return count > 0; };
  round_robin(counts, local, delta, 1, has_room, least);
  round_robin(counts, local, -delta, -1, has_some, most);
}

Counts sampled(const PowerLaw& law, const RandomStream& random) {
  const bool many = law.tokens * law.topk > law.experts;
  const double low = many ? 1.0 : 0.01;
  const double high = many ? static_cast<double>(law.tokens) * 0.8 : 2.0;
  const double power = 1 - law.alpha;
  const double a = std::pow(low, power), b = std::pow(high, power);
  std::vector<double> share(static_cast<std::size_t>(law.experts));
  for (std::size_t i = 0; i < share.size(); ++i)
    share[i] = std::pow((b - a) * random.uniform(i) + a, 1 / power);
  const double sum = std::accumulate(share.begin(), share.end(), 0.0);
  const std::int64_t target = law.tokens * law.topk;
  Counts counts(share.size());
  for (std::size_t i = 0; i < share.size(); ++i)
    counts[i] = std::llround(share[i] / sum * static_cast<double>(target));
  settle(counts, law);
  return counts;
}

/// The rank with the most tokens changes places with the first.
void busiest_rank_first(Counts& counts, std::int64_t local) {
  std::int64_t busiest = 0, most = -1;
  for (std::int64_t first = 0; first < static_cast<std::int64_t>(counts.size()); first += local) {
    const auto load =
        std::accumulate(counts.begin() + first, counts.begin() + first + local, std::int64_t{0});
    if (load > most) most = load, busiest = first;
  }
  if (busiest > 0)
    std::swap_ranges(counts.begin(), counts.begin() + local, counts.begin() + busiest);
}

/// The 4 of 8 groups that a token uses: those with the best two scores, the first of equal ones.
std::vector<bool> allowed_groups(const std::vector<int>& score, std::int64_t experts) {
  std::vector<std::int64_t> order(kGroups), value(kGroups);
  std::iota(order.begin(), order.end(), 0);
  for (std::int64_t e = 0; e < experts; ++e)
    value[static_cast<std::size_t>(e * kGroups / experts)] += score[static_cast<std::size_t>(e)];
  for (auto& v : value) v = std::min<std::int64_t>(v, 2);
  std::ranges::stable_sort(order, std::greater{},
                           [&](auto g) { return value[static_cast<std::size_t>(g)]; });
  std::vector<bool> allowed(kGroups);
  for (std::int64_t g = 0; g < kUsedGroups; ++g)
    allowed[static_cast<std::size_t>(order[static_cast<std::size_t>(g)])] = true;
  return allowed;
}

/// What the router makes of the wishes: choice j of token i is place j x tokens + i of the experts
/// in descending order of their counts, each as often as it is wanted.
Counts routed(const Counts& wanted, const PowerLaw& law) {
  std::vector<std::int64_t> places;
  places.reserve(static_cast<std::size_t>(law.tokens * law.topk));
  for (const auto e : in_descending_order(wanted))
    places.insert(places.end(), static_cast<std::size_t>(wanted[static_cast<std::size_t>(e)]), e);
  Counts counts(wanted.size());
  std::vector<int> score(wanted.size());
  for (std::int64_t token = 0; token < law.tokens; ++token) {
    std::ranges::fill(score, 0);
    for (std::int64_t j = 0; j < law.topk; ++j)
      score[static_cast<std::size_t>(places[static_cast<std::size_t>(j * law.tokens + token)])] = 1;
    const auto allowed = allowed_groups(score, law.experts);
    std::int64_t left = law.topk;
    for (const int chosen : {1, 0})
      for (std::int64_t e = 0; e < law.experts && left > 0; ++e) {
        const auto expert = static_cast<std::size_t>(e);
        if (score[expert] != chosen ||
            !allowed[static_cast<std::size_t>(e * kGroups / law.experts)])
          continue;
        ++counts[expert];
        --left;
      }
  }
  return counts;
}

}  // namespace

std::vector<std::int32_t> draw_counts(const PowerLaw& law, std::uint64_t draw) {
  const auto local = law.experts / law.expert_parallel;
  const RandomStream random(draw, stream_id("power law draw"));
  auto counts = sampled(law, random);
  busiest_rank_first(counts, local);
  if (law.group_limited) counts = routed(counts, law);
  return {counts.begin(), counts.begin() + local};
}

}  // namespace moesim
