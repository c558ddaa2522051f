// What collective operations move: kinds, who sends how much to whom, what every rank must have
// received in the end, and the bytes that the busiest rank moves. Plain arithmetic, shared by the
// ranks that do it (GPUs, threads) and by the check of what they did. Says nothing about how an
// algorithm gets there, or about time.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "kernels/random_data.hpp"

namespace moesim::kernels {

enum class Collective { kPeerCopy, kAllReduce, kAllGather, kReduceScatter, kAllToAll, kAllToAllV };

constexpr const char* name_of(Collective kind) {
  constexpr const char* names[] = {"peer_copy",      "all_reduce", "all_gather",
                                   "reduce_scatter", "all_to_all", "all_to_all_v"};
  return names[static_cast<int>(kind)];
}

struct CollectivePoint {
  Collective kind = Collective::kAllReduce;
  std::size_t ranks = 2;
  std::size_t bytes = 0;
  double skew = 0;                     ///< of all_to_all_v
  std::size_t source = 0, target = 1;  ///< of peer_copy
};

/// `total` elements over `ranks` receivers in the ratio (d + 1)^-skew; the shares add up.
inline std::vector<std::size_t> shares_of(std::size_t total, std::size_t ranks, double skew) {
  std::vector<double> until(ranks);  // sum of the weights so far
  double weight = 0;
  for (std::size_t d = 0; d < ranks; ++d)
    until[d] = weight += std::pow(static_cast<double>(d + 1), -skew);
  std::vector<std::size_t> shares(ranks);
  std::size_t given = 0;
  for (std::size_t d = 0; d < ranks; ++d) {
    const auto upto =
        d + 1 == ranks ? total
                       : static_cast<std::size_t>(static_cast<double>(total) * until[d] / weight);
    shares[d] = upto - given;
    given = upto;
  }
  return shares;
}

/// What a point asks of the buffers of one rank, in elements.
struct BufferSizes {
  std::size_t send = 0, receive = 0;
};

inline BufferSizes buffers_of(const CollectivePoint& point, std::size_t elements,
                              std::size_t rank) {
  switch (point.kind) {
    case Collective::kPeerCopy:
      return {rank == point.source ? elements : 0, rank == point.target ? elements : 0};
    case Collective::kAllReduce:
    case Collective::kAllToAll:
      return {elements, elements};
    case Collective::kAllGather:
      return {elements / point.ranks, elements};
    case Collective::kReduceScatter:
      return {elements, elements / point.ranks};
    case Collective::kAllToAllV:
      return {elements, point.ranks * shares_of(elements, point.ranks, point.skew)[rank]};
  }
  return {};
}

/// What the busiest rank sends to or gets from others, over `bytes`; for all_reduce what an
/// algorithm has to move at least.
inline double bus_factor(const CollectivePoint& point) {
  const auto ranks = static_cast<double>(point.ranks);
  if (point.kind == Collective::kPeerCopy) return 1;
  if (point.kind == Collective::kAllReduce) return 2 * (ranks - 1) / ranks;
  if (point.kind != Collective::kAllToAllV) return (ranks - 1) / ranks;
  constexpr std::size_t whole = std::size_t{1} << 30;
  double most = 0;
  for (const std::size_t share : shares_of(whole, point.ranks, point.skew)) {
    const double part = static_cast<double>(share) / static_cast<double>(whole);
    most = std::max({most, 1 - part, (ranks - 1) * part});
  }
  return most;
}

/// Element i of what a rank sends: 1 .. 15, so that the sum over 8 ranks is exact in bf16.
constexpr float rank_value(std::size_t rank, std::size_t i) {
  return 1.0F + static_cast<float>(static_cast<int>((stream_value(i, rank + 1) - 1.0F) * 15.0F));
}

/// What a rank must have received.
inline std::vector<float> expected_of(const CollectivePoint& point, std::size_t elements,
                                      std::size_t rank) {
  std::vector<float> expected(buffers_of(point, elements, rank).receive);
  const std::size_t part = elements / point.ranks;
  const std::vector<std::size_t> shares = shares_of(elements, point.ranks, point.skew);
  std::size_t before = 0;  // what every rank sends to those before this one
  for (std::size_t d = 0; d < rank && point.kind == Collective::kAllToAllV; ++d)
    before += shares[d];
  for (std::size_t i = 0; i < expected.size(); ++i) {
    float& value = expected[i];
    if (point.kind == Collective::kPeerCopy) value = rank_value(point.source, i);
    if (point.kind == Collective::kAllGather) value = rank_value(i / part, i % part);
    if (point.kind == Collective::kAllToAll) value = rank_value(i / part, rank * part + i % part);
    if (point.kind == Collective::kAllToAllV)
      value = rank_value(i / shares[rank], before + i % shares[rank]);
    const bool sums =
        point.kind == Collective::kAllReduce || point.kind == Collective::kReduceScatter;
    const std::size_t first = point.kind == Collective::kReduceScatter ? rank * part : 0;
    for (std::size_t from = 0; sums && from < point.ranks; ++from)
      value += rank_value(from, first + i);
  }
  return expected;
}

}  // namespace moesim::kernels
