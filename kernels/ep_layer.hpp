// Operation ep_layer: an MoE layer with expert parallelism, executed. Every rank routes its own
// tokens, permutes them, hands the rows of experts that live elsewhere to their rank (all-to-all),
// computes the experts it holds for the rows of all ranks, hands the results back and combines. The
// ranks are threads and the all-to-all copies in memory. Time is the wall clock from the common
// start to the end of the last rank; critical_us is the same in CPU time, the slowest rank of every
// phase between two barriers: what the wall clock says when nobody takes a core away meanwhile.
//
// What a simulation of such a group is held against; not part of the suite. Does not model: more
// than one node, overlap of transfers with computation.
#pragma once

#include <cstddef>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/bench_device.hpp"
#include "kernels/moe_layer.hpp"
#include "kernels/shuffle.hpp"

namespace moesim::kernels {

struct ParallelLayerPoint {
  MoeShape shape;
  std::size_t ranks = 2;
  std::size_t tokens = 0;  ///< of every rank
  double skew = 0;

  RouterRule rule() const { return {shape.experts, shape.topk, 1, 1}; }
};

/// counts[rank][expert]: rows that a rank's tokens send to an expert.
using SentRows = std::vector<std::vector<int>>;

struct ParallelTime {
  double wall_s = 0, critical_s = 0;
};

/// Token t of rank r is input_value() as of token r * tokens + t of one layer (moe_layer.hpp),
/// experts e with e * ranks / experts == r live on rank r.
class ParallelLayerDevice {
 public:
  virtual ~ParallelLayerDevice() = default;
  virtual std::string name() const = 0;
  virtual std::string library() const = 0;
  virtual std::size_t most_ranks() const = 0;
  /// Makes the data, routes once, returns who sends what.
  virtual SentRows prepare(const ParallelLayerPoint& point, std::uint64_t seed) = 0;
  /// One pass, with weights of the next set.
  virtual ParallelTime run(const ParallelLayerPoint& point) = 0;
  /// Of the last pass: [ranks * tokens][hidden].
  virtual std::vector<float> result(const ParallelLayerPoint& point) const = 0;
  /// The same layer on one rank with all tokens, weights of the same set.
  virtual std::vector<float> whole(const ParallelLayerPoint& point) = 0;
};

/// Throws when the ranks together do not compute what one rank does, a row at a time.
inline void check_parallel(ParallelLayerDevice& device, std::uint64_t seed) {
  for (const std::size_t tokens : {std::size_t{1}, std::size_t{37}}) {
    const ParallelLayerPoint point{{256, 128, 8, 2}, 2, tokens, 1.0};
    device.prepare(point, seed);
    device.run(point);
    const auto whole = device.whole(point);
    check_rows("ep_layer", device.result(point), {whole.begin(), whole.end()}, point.shape.hidden,
               1e-5);
  }
}

inline std::string join_rows(const SentRows& sent) {
  std::string text;
  for (const auto& counts : sent) text += (text.empty() ? "" : " / ") + join_counts(counts);
  return text;
}

/// Three token counts x two skews of the layer whose experts weigh most.
inline std::vector<ParallelLayerPoint> plan_parallel(const Options& options) {
  std::vector<ParallelLayerPoint> points;
  for (const std::size_t tokens : {64, 256, 1024})
    for (const double skew : {0.0, 1.0})
      if (!options.short_mode || tokens == 64)
        points.push_back({{384, 768, 8, 2}, 2, tokens, skew});
  shuffle_points(points, options.seed);
  return points;
}

inline void run_ep_layer(ParallelLayerDevice& device, const Options& options, std::ostream& out) {
  check_parallel(device, options.seed);
  auto columns = columns_with_values({"op", "dtype", "ranks", "hidden", "intermediate", "experts",
                                      "topk", "tokens", "skew", "tokens_per_source"});
  columns.emplace_back("critical_us");
  Table table(out, columns);
  for (const ParallelLayerPoint& point : plan_parallel(options)) {
    const SentRows sent = device.prepare(point, options.seed);
    std::vector<double> wall_s, critical_s;
    for (int pass = 0; pass < (options.short_mode ? 3 : 15); ++pass) {
      const ParallelTime time = device.run(point);
      wall_s.push_back(time.wall_s);
      critical_s.push_back(time.critical_s);
    }
    const Sampler sampler{"wall", 1, nullptr};
    auto row = row_with_values(
        {"ep_layer", "fp32", std::to_string(point.ranks), std::to_string(point.shape.hidden),
         std::to_string(point.shape.intermediate), std::to_string(point.shape.experts),
         std::to_string(point.shape.topk), std::to_string(point.tokens), csv_number(point.skew),
         join_rows(sent)},
        {false, device.library(), device.name()}, sampler, summarize(wall_s, 0.15));
    row.push_back(csv_number(1e6 * summarize(critical_s, 0.15).p25_s));
    table.write(row);
  }
}

}  // namespace moesim::kernels
