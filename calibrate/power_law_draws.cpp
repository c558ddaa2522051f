#include "calibrate/power_law_draws.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "sim/core/random.hpp"

namespace moesim {
namespace {

using Counts = std::vector<std::int64_t>;

constexpr std::size_t kGroups = 8, kUsedGroups = 4;  // DeepSeek-V3's config.json

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

/// The 4 of 8 groups that a token uses, of `wanted` choices each: those with the best two scores,
/// the first of equal ones.
std::array<bool, kGroups> allowed_groups(const std::array<int, kGroups>& wanted) {
  std::array<std::size_t, kGroups> order{};
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater{}, [&](auto g) { return std::min(wanted[g], 2); });
  std::array<bool, kGroups> allowed{};
  for (std::size_t g = 0; g < kUsedGroups; ++g) allowed[order[g]] = true;
  return allowed;
}

/// What the router makes of the wishes: choice j of token i is place j x tokens + i of the experts
/// in descending order of their counts, each as often as it is wanted. A token keeps what it wants
/// of the groups it uses, and takes their first other experts for the rest.
Counts routed(const Counts& wanted, const PowerLaw& law) {
  std::vector<std::size_t> places, group;
  places.reserve(static_cast<std::size_t>(law.tokens * law.topk));
  for (const auto e : in_descending_order(wanted))
    places.insert(places.end(), static_cast<std::size_t>(wanted[static_cast<std::size_t>(e)]),
                  static_cast<std::size_t>(e));
  for (std::int64_t e = 0; e < law.experts; ++e)
    group.push_back(static_cast<std::size_t>(e * static_cast<std::int64_t>(kGroups) / law.experts));
  Counts counts(wanted.size());
  const auto tokens = static_cast<std::size_t>(law.tokens);
  std::vector<std::size_t> choices;
  for (std::size_t token = 0; token < tokens; ++token) {
    choices.clear();
    for (std::size_t j = 0; j < static_cast<std::size_t>(law.topk); ++j)
      choices.push_back(places[j * tokens + token]);
    std::ranges::sort(choices);
    choices.erase(std::ranges::unique(choices).begin(), choices.end());
    std::array<int, kGroups> in_group{};
    for (const auto e : choices) ++in_group[group[e]];
    const auto allowed = allowed_groups(in_group);
    std::int64_t left = law.topk;
    const auto give = [&](std::size_t expert) {
      if (left == 0 || !allowed[group[expert]]) return;
      ++counts[expert];
      --left;
    };
    for (const auto e : choices) give(e);
    for (std::size_t e = 0; e < group.size() && left > 0; ++e)
      if (!std::ranges::binary_search(choices, e)) give(e);
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
