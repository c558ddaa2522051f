// What a trace of expert choices says about load, caches and placement, as numbers that two traces
// can be compared by. Every value is a mean over the MoE layers. Choices are taken as they are:
// nothing is fitted here.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "sim/routing/recorded_trace.hpp"

namespace moesim {

struct RoutingStatistics {
  static constexpr std::array<int, 3> kBatches = {16, 32, 64};
  static constexpr std::array<int, 4> kRanks = {2, 4, 8, 16};
  static constexpr int kFar = 8;  ///< tokens between the two of `reuse_far`

  double max_over_mean = 0;             ///< busiest expert / mean, over the whole trace
  double collision = 0;                 ///< chance that two random tokens agree in an expert's slot
  std::vector<double> layer_collision;  ///< [layers]
  std::array<double, 3> distinct{};     ///< experts that a batch of random tokens touches
  double reuse = 0;  ///< share of a token's experts that the token before it had (same sequence)
  double reuse_far = 0;  ///< the same, kFar tokens before
  /// Share of the (expert, expert of the next layer) pairs of a token that lie among the top_k most
  /// frequent successors of the first.
  double next_layer = 0;
  /// What that share would be if layers were independent: the top_k most popular experts.
  double next_layer_independent = 0;
  std::array<double, 4> rank_imbalance{};  ///< busiest rank / mean, contiguous experts, whole trace
  std::array<double, 4> batch_imbalance{};  ///< the same for batches of 64 random tokens

  /// Name and value of everything that is checked, in a fixed order.
  std::vector<std::pair<std::string, double>> named() const;
};

RoutingStatistics routing_statistics(const RecordedTrace& trace, std::uint64_t seed = 1);

/// Share of tokens that choose each expert, [experts]; sums to top_k.
std::vector<double> inclusion_of(const RecordedTrace& trace, std::int64_t layer);

}  // namespace moesim
