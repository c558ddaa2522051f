#include "sim/routing/routing_statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/core/random.hpp"

namespace moesim {
namespace {

constexpr int kBatchDraws = 40;

double busiest_over_mean(std::span<const double> load, std::size_t ranks) {
  std::vector<double> rank(ranks, 0);
  for (std::size_t e = 0; e < load.size(); ++e) rank[e * ranks / load.size()] += load[e];
  const double sum = std::accumulate(rank.begin(), rank.end(), 0.0);
  return sum > 0 ? *std::ranges::max_element(rank) * static_cast<double>(ranks) / sum : 1;
}

double next_layer_share(const RecordedTrace& trace, std::int64_t layer) {
  const auto width = static_cast<std::size_t>(trace.experts);
  std::vector<std::int32_t> pairs(width * width, 0);
  for (std::int64_t t = 0; t < trace.tokens(); ++t)
    for (const auto a : trace.choices(layer, t))
      for (const auto b : trace.choices(layer + 1, t)) ++pairs[a * width + b];
  double among = 0, all = 0;
  for (std::size_t a = 0; a < width; ++a) {
    auto* row = &pairs[a * width];
    std::partial_sort(row, row + trace.top_k, row + width, std::greater{});
    among += std::accumulate(row, row + trace.top_k, 0.0);
    all += std::accumulate(row, row + width, 0.0);
  }
  return among / all;
}

/// Share of a token's experts that the token `lag` before it in its sequence had.
double reuse_at(const RecordedTrace& trace, std::int64_t lag) {
  double kept = 0, all = 0;
  for (std::int64_t t = lag; t < trace.tokens(); ++t) {
    if (trace.sequence[static_cast<std::size_t>(t)] !=
        trace.sequence[static_cast<std::size_t>(t - lag)])
      continue;
    for (std::int64_t l = 0; l < trace.layers(); ++l) {
      const auto before = trace.choices(l, t - lag);
      for (const auto id : trace.choices(l, t))
        kept += std::ranges::find(before, id) != before.end() ? 1 : 0;
    }
    all += static_cast<double>(trace.layers() * trace.top_k);
  }
  return all > 0 ? kept / all : 0;
}

void count_batches(const RecordedTrace& trace, std::uint64_t seed, RoutingStatistics& out) {
  const auto layers = static_cast<double>(trace.layers());
  const RandomStream random(seed, stream_id("routing statistics"));
  std::uint64_t draw = 0;
  std::vector<double> load(static_cast<std::size_t>(trace.experts));
  std::vector<std::int64_t> batch;
  for (std::size_t b = 0; b < RoutingStatistics::kBatches.size(); ++b)
    for (int repeat = 0; repeat < kBatchDraws; ++repeat) {
      batch.clear();
      for (int i = 0; i < RoutingStatistics::kBatches[b]; ++i)
        batch.push_back(static_cast<std::int64_t>(
            random.below(draw++, static_cast<std::uint64_t>(trace.tokens()))));
      for (std::int64_t l = 0; l < trace.layers(); ++l) {
        std::ranges::fill(load, 0.0);
        for (const auto t : batch)
          for (const auto id : trace.choices(l, t)) load[id] += 1;
        const double touched =
            static_cast<double>(std::ranges::count_if(load, [](double n) { return n > 0; }));
        out.distinct[b] += touched / (layers * kBatchDraws);
        if (RoutingStatistics::kBatches[b] != 64) continue;
        for (std::size_t r = 0; r < RoutingStatistics::kRanks.size(); ++r)
          out.batch_imbalance[r] +=
              busiest_over_mean(load, static_cast<std::size_t>(RoutingStatistics::kRanks[r])) /
              (layers * kBatchDraws);
      }
    }
}

}  // namespace

std::vector<double> inclusion_of(const RecordedTrace& trace, std::int64_t layer) {
  std::vector<double> share(static_cast<std::size_t>(trace.experts), 0);
  for (const auto id : trace.by_layer[static_cast<std::size_t>(layer)])
    if (id < share.size()) share[id] += 1.0 / static_cast<double>(trace.tokens());
  return share;
}

RoutingStatistics routing_statistics(const RecordedTrace& trace, std::uint64_t seed) {
  RoutingStatistics out;
  const auto layers = static_cast<double>(trace.layers());
  const auto k = static_cast<double>(trace.top_k);
  for (std::int64_t l = 0; l < trace.layers(); ++l) {
    const auto share = inclusion_of(trace, l);
    const double mean = k / static_cast<double>(trace.experts);
    out.max_over_mean += *std::ranges::max_element(share) / mean / layers;
    double same = 0;
    for (const double p : share) same += p * p / k;
    out.layer_collision.push_back(same);
    out.collision += same / layers;
    for (std::size_t r = 0; r < RoutingStatistics::kRanks.size(); ++r)
      out.rank_imbalance[r] +=
          busiest_over_mean(share, static_cast<std::size_t>(RoutingStatistics::kRanks[r])) / layers;
    if (l > 0) {
      out.next_layer += next_layer_share(trace, l - 1) / (layers - 1);
      auto popular = share;
      std::partial_sort(popular.begin(), popular.begin() + trace.top_k, popular.end(),
                        std::greater{});
      for (std::size_t i = 0; i < static_cast<std::size_t>(trace.top_k); ++i)
        out.next_layer_independent += popular[i] / k / (layers - 1);
    }
  }
  out.reuse = reuse_at(trace, 1);
  out.reuse_far = reuse_at(trace, RoutingStatistics::kFar);
  count_batches(trace, seed, out);
  return out;
}

std::vector<std::pair<std::string, double>> RoutingStatistics::named() const {
  std::vector<std::pair<std::string, double>> all = {{"max / mean load", max_over_mean}};
  for (std::size_t b = 0; b < kBatches.size(); ++b)
    all.emplace_back(fmt::format("distinct experts, batch {}", kBatches[b]), distinct[b]);
  all.emplace_back("reuse, previous token", reuse);
  all.emplace_back(fmt::format("reuse, {} tokens before", kFar), reuse_far);
  all.emplace_back("next-layer affinity", next_layer);
  for (std::size_t r = 0; r < kRanks.size(); ++r)
    all.emplace_back(fmt::format("rank imbalance, EP{}", kRanks[r]), rank_imbalance[r]);
  for (std::size_t r = 0; r < kRanks.size(); ++r)
    all.emplace_back(fmt::format("rank imbalance, EP{}, batch 64", kRanks[r]), batch_imbalance[r]);
  return all;
}

}  // namespace moesim
