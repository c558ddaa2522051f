#include "sim/routing/choice_pool.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "sim/core/portable_math.hpp"
#include "sim/core/random.hpp"

namespace moesim {

std::vector<double> inclusion_from_weights(const Choices& choices, std::span<const double> weights,
                                           std::int64_t groups) {
  const auto size = weights.size() / static_cast<std::size_t>(groups);
  std::vector<double> whole(static_cast<std::size_t>(groups), 0);  // weight of every group
  for (std::size_t e = 0; e < weights.size(); ++e) whole[e / size] += weights[e];
  std::vector<double> chance(whole.size(),
                             0);  // sum over picks in the group of 1 / weight still there
  std::vector<double> excluded(weights.size(),
                               0);  // the part of it that fell on experts already picked
  std::vector<double> left(whole);
  const auto k = static_cast<std::size_t>(choices.top_k);
  for (std::size_t token = 0; token * k < choices.experts.size(); ++token) {
    const auto picks = std::span(choices.experts).subspan(token * k, k);
    for (std::size_t i = 0; i < k; ++i) {
      const std::size_t g = picks[i] / size;
      const double c = 1 / left[g];
      chance[g] += c;
      for (std::size_t before = 0; before < i; ++before)
        if (picks[before] / size == g) excluded[picks[before]] += weights[picks[before]] * c;
      left[g] = std::max(left[g] - weights[picks[i]], 1e-12 * whole[g]);
    }
    for (const auto e : picks) left[e / size] = whole[e / size];
  }
  std::vector<double> inclusion;
  const auto tokens = static_cast<double>(choices.tokens());
  for (std::size_t e = 0; e < weights.size(); ++e)
    inclusion.push_back(
        std::clamp((weights[e] * chance[e / size] - excluded[e]) / tokens, 0.0, 1.0));
  return inclusion;
}

ChoicePool::ChoicePool(std::int64_t experts, const Choices& choices,
                       std::span<const double> weights, std::int64_t groups)
    : experts_(experts),
      tokens_(choices.tokens()),
      top_k_(choices.top_k),
      choices_(choices.experts) {
  assert(tokens_ > 0 && tokens_ < 65536);
  const auto width = static_cast<std::size_t>(experts_);
  total_.assign(width, 0);
  for (std::int64_t t = 0; t <= tokens_; t += kStride) {
    running_.insert(running_.end(), total_.begin(), total_.end());
    add(t, std::min(t + kStride, tokens_), 1, total_);
  }
  inclusion_.resize(width);
  for (std::size_t e = 0; e < width; ++e)
    inclusion_[e] = static_cast<double>(total_[e]) / static_cast<double>(tokens_);
  // The pool's own frequencies carry its sampling noise, which no large batch has.
  known_weights_ = !weights.empty() && groups > 0;
  if (known_weights_) inclusion_ = inclusion_from_weights(choices, weights, groups);
  for (const double p : inclusion_) experts_per_token_ += p;
}

void ChoicePool::draw(std::int64_t batch, std::uint64_t seed, std::uint64_t layer,
                      std::uint64_t step, std::span<std::int32_t> counts) const {
  assert(static_cast<std::int64_t>(counts.size()) == experts_);
  if (batch > tokens_ && known_weights_) return draw_counts(batch, seed, layer, step, counts);
  const RandomStream stream(seed, stream_id("batch", layer));
  const auto begin =
      static_cast<std::int64_t>(stream.below(step, static_cast<std::uint64_t>(tokens_)));
  draw_window(batch % tokens_, begin, counts);
  const auto rounds = static_cast<std::int32_t>(batch / tokens_);
  if (rounds == 0) return;
  for (std::size_t e = 0; e < counts.size(); ++e) counts[e] += rounds * total_[e];
}

void ChoicePool::add(std::int64_t begin, std::int64_t end, std::int32_t times,
                     std::span<std::int32_t> counts) const {
  for (auto i = begin * top_k_; i < end * top_k_; ++i)
    if (const auto id = choices_[static_cast<std::size_t>(i)]; id != kNoExpert) counts[id] += times;
}

void ChoicePool::draw_window(std::int64_t batch, std::int64_t begin,
                             std::span<std::int32_t> counts) const {
  const auto end = begin + batch, last = end <= tokens_ ? end : end - tokens_;
  if (batch <= kStride) {
    std::ranges::fill(counts, 0);
    add(begin, std::min(end, tokens_), 1, counts);
    if (end > tokens_) add(0, last, 1, counts);
    return;
  }
  // What lies before the end less what lies before the beginning.
  const auto from = mark_near(begin), to = mark_near(last);
  const auto *before = running(from), *upto = running(to);
  for (std::size_t e = 0; e < counts.size(); ++e) counts[e] = upto[e] - before[e];
  add(from * kStride, begin, -1, counts);
  add(begin, from * kStride, 1, counts);
  add(to * kStride, last, 1, counts);
  add(last, to * kStride, -1, counts);
  if (end <= tokens_) return;
  for (std::size_t e = 0; e < counts.size(); ++e) counts[e] += total_[e];
}

void ChoicePool::draw_counts(std::int64_t batch, std::uint64_t seed, std::uint64_t layer,
                             std::uint64_t step, std::span<std::int32_t> counts) const {
  const RandomStream stream(seed, stream_id("counts", layer, step));
  const auto n = static_cast<double>(batch);
  const double target = std::round(n * experts_per_token_);
  std::vector<double> expected(counts.size());
  std::vector<float> noise(counts.size());
  stream.fill_normal(0, noise);
  double sum = 0;
  for (std::size_t e = 0; e < counts.size(); ++e) {
    const double p = inclusion_[e];
    const double noisy = n * p + std::sqrt(n * p * (1 - p)) * static_cast<double>(noise[e]);
    expected[e] = std::clamp(noisy, 0.0, n);
    sum += expected[e];
  }
  // Rounding the running sum keeps integers whose total is exact.
  double running = 0;
  std::int64_t given = 0, surplus = 0;
  for (std::size_t e = 0; e < counts.size(); ++e) {
    running += expected[e] * target / sum;
    const bool last = e + 1 == counts.size();
    const auto upto =
        last ? static_cast<std::int64_t>(target) : static_cast<std::int64_t>(running + 0.5);
    const auto wanted = upto - given + surplus;
    given = upto;
    counts[e] = static_cast<std::int32_t>(std::clamp<std::int64_t>(wanted, 0, batch));
    surplus = wanted - counts[e];
  }
  for (auto& count : counts) {  // what the last experts could not hold
    const auto room = std::min<std::int64_t>(surplus, batch - count);
    count += static_cast<std::int32_t>(room);
    surplus -= room;
  }
}

std::vector<double> ChoicePool::part_probability(std::span<const std::int32_t> part_of_expert,
                                                 std::int32_t parts) const {
  std::vector<std::int64_t> hits(static_cast<std::size_t>(parts), 0), seen(hits.size(), -1);
  const auto k = static_cast<std::size_t>(top_k_);
  for (std::int64_t t = 0; t < tokens_; ++t)
    for (std::size_t i = 0; i < k; ++i) {
      const auto id = choices_[static_cast<std::size_t>(t) * k + i];
      if (id == kNoExpert) continue;
      const auto part = static_cast<std::size_t>(part_of_expert[id]);
      if (seen[part] == t) continue;
      seen[part] = t;
      ++hits[part];
    }
  std::vector<double> probability;
  for (const auto count : hits)
    probability.push_back(static_cast<double>(count) / static_cast<double>(tokens_));
  return probability;
}

}  // namespace moesim
