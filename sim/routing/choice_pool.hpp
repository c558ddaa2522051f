// The choices of one MoE layer in the form a step needs: how many tokens of a batch go to each
// expert, in time that does not depend on the batch. A pool of sampled (or recorded) tokens is
// stored with running counts at every 16th token, small enough that the pools of all layers stay in
// a core's cache; a batch no larger than the pool is a window of it at a random place, exact to the
// token. Larger batches of a source with known weights are drawn by counts: the
// expected counts plus binomial noise, integers that sum to tokens x top_k; both agree in mean and
// variance (tested). Of other sources (recorded, balanced) they go through the pool again and
// again. Not modelled: correlation between the batches of successive steps beyond the layer's fixed
// popularity.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/routing/choice_source.hpp"

namespace moesim {

class ChoicePool {
 public:
  /// `choices` of 1 to 65535 tokens; `weights` [experts] of the source, or empty; `groups` of the
  /// router (0: the weights do not tell how often an expert is chosen).
  ChoicePool(std::int64_t experts, const Choices& choices, std::span<const double> weights,
             std::int64_t groups = 1);

  std::int64_t experts() const { return experts_; }
  std::int64_t tokens() const { return tokens_; }
  /// Mean over the long run.
  double experts_per_token() const { return experts_per_token_; }

  /// Tokens per expert [experts] of a batch of `batch` tokens; `seed`, `layer`, `step` name the
  /// draw. Sums to batch x top_k (x experts per token where tokens differ); no entry above `batch`.
  void draw(std::int64_t batch, std::uint64_t seed, std::uint64_t layer, std::uint64_t step,
            std::span<std::int32_t> counts) const;

  /// Long-run probability that a token chooses each expert [experts]; sums to the mean number of
  /// experts per token.
  std::span<const double> inclusion() const { return inclusion_; }

  /// Probability that a token has at least one expert in each part, given the part of every expert.
  std::vector<double> part_probability(std::span<const std::int32_t> part_of_expert,
                                       std::int32_t parts) const;

 private:
  void draw_window(std::int64_t batch, std::int64_t begin, std::span<std::int32_t> counts) const;
  void draw_counts(std::int64_t batch, std::uint64_t seed, std::uint64_t layer, std::uint64_t step,
                   std::span<std::int32_t> counts) const;

  std::int64_t experts_, tokens_, top_k_;
  static constexpr std::int64_t kStride = 16;  ///< tokens from one running count to the next
  /// Adds `times` to the counts of what the tokens [begin, end) chose.
  void add(std::int64_t begin, std::int64_t end, std::int32_t times,
           std::span<std::int32_t> counts) const;
  const std::uint16_t* running(std::int64_t mark) const {
    return &running_[static_cast<std::size_t>(mark * experts_)];
  }
  /// The running count next to a token.
  std::int64_t mark_near(std::int64_t token) const {
    return std::min((token + kStride / 2) / kStride, tokens_ / kStride);
  }

  std::vector<std::uint16_t> running_;  ///< [tokens / kStride + 1][experts]
  std::vector<std::int32_t> total_;     ///< [experts]
  std::vector<std::uint16_t> choices_;  ///< [tokens x top_k]
  std::vector<double> inclusion_;
  double experts_per_token_ = 0;
  bool known_weights_ = false;
};

/// Probability that a token chooses each expert, from sampled choices and the weights they were
/// drawn with: the sum over a token's picks of the chance that the pick was e, given the picks
/// before it in e's group, averaged over the tokens. Conditioning on what was picked
/// (Rao-Blackwell) keeps the mean of the plain frequencies and removes most of their noise. Exact
/// in expectation for top-k; within groups it neglects that a group's rank depends on who leads it.
std::vector<double> inclusion_from_weights(const Choices& choices, std::span<const double> weights,
                                           std::int64_t groups);

}  // namespace moesim
