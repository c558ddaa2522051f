// Operations permute and unpermute: what stands around the experts of an MoE layer. permute counts
// the choices of each expert, scans the counts and gathers token rows so that each expert's lie
// together; unpermute adds the expert outputs of each token back, weighted. Both are bound by
// memory; tokens of a pass are cold.
//
// Choices come from popularities with sigma 0.7 (moe_shape.hpp). Does not model: transfers between
// ranks, quantisation on the way.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/bench_device.hpp"
#include "kernels/moe_reference.hpp"
#include "kernels/moe_shape.hpp"
#include "kernels/shuffle.hpp"

namespace moesim::kernels {

struct PermutePoint {
  bool back = false;  ///< unpermute
  std::string dtype;
  std::size_t tokens = 0;
  std::size_t topk = 0;
  std::size_t hidden = 0;
  std::size_t experts = 0;

  std::size_t choices() const { return tokens * topk; }
  std::vector<std::string> key_cells() const {
    return {back ? "unpermute" : "permute", dtype,
            std::to_string(tokens),         std::to_string(topk),
            std::to_string(hidden),         std::to_string(experts)};
  }
};

inline std::vector<std::string> permute_columns() {
  return columns_with_values({"op", "dtype", "tokens", "topk", "hidden", "experts"});
}

/// What both operations leave behind. Rows of one expert may come in any order.
struct PermuteResult {
  std::vector<int> offsets;   ///< experts + 1: where each expert's rows begin
  std::vector<int> slots;     ///< row of choice c of token t at [t * topk + c]
  std::vector<float> values;  ///< permute: rows [choices x hidden]; unpermute: [tokens x hidden]
};

/// Distinct choices of every token: the top-k of log-popularity plus Gumbel noise.
inline std::vector<int> permute_choices(const PermutePoint& point, std::uint64_t seed) {
  std::vector<int> ids;
  const auto popularity = log_popularity(point.experts, 0.7, seed);
  for (std::size_t t = 0; t < point.tokens; ++t) {
    std::vector<double> keys(point.experts);
    for (std::size_t e = 0; e < point.experts; ++e)
      keys[e] = static_cast<double>(popularity[e]) -
                std::log(-std::log(uniform_open(t * point.experts + e, seed + 1)));
    double margin = 0;
    for (const int id : largest(keys, point.topk, margin)) ids.push_back(id);
  }
  return ids;
}

/// Weight of choice i; those of a token need not add up to one.
constexpr float choice_weight(std::size_t i, std::uint64_t seed) {
  return 0.25F * stream_value(i, seed + 5);
}

/// Set s reads tokens (permute) or expert outputs (unpermute) input_value(i) whose indices continue
/// those of set s-1. Before unpermute the device has permuted the same choices.
class PermuteDevice : public BenchDevice {
 public:
  virtual std::vector<std::string> dtypes(bool back) const = 0;
  virtual std::string library(const PermutePoint& point) const = 0;
  virtual void prepare(const PermutePoint& point, std::uint64_t seed) = 0;
  /// One pass over set 0.
  virtual PermuteResult result(const PermutePoint& point) = 0;
  virtual Sampler sampler(const PermutePoint& point) = 0;
};

inline void check_slots(const std::string& what, const PermutePoint& point,
                        const PermuteResult& result, const std::vector<int>& ids) {
  std::vector<int> offsets(point.experts + 1, 0), seen(point.choices(), 0);
  for (const int id : ids) ++offsets[static_cast<std::size_t>(id) + 1];
  std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
  if (result.offsets != offsets || result.slots.size() != ids.size())
    throw std::runtime_error(what + ": wrong result, the counts of the experts");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const int slot = result.slots[i];
    const auto e = static_cast<std::size_t>(ids[i]);
    if (slot < offsets[e] || slot >= offsets[e + 1] || seen[static_cast<std::size_t>(slot)]++ > 0)
      throw std::runtime_error(what + ": wrong result, the row of choice " + std::to_string(i));
  }
}

/// Throws unless every choice has a row of its own among its expert's and the rows hold what they
/// should.
inline void check_permute(PermuteDevice& device, bool back, const std::string& dtype,
                          std::uint64_t seed) {
  for (const std::size_t tokens : {std::size_t{1}, std::size_t{333}}) {
    const PermutePoint point{back, dtype, tokens, 4, 256, 32};
    const std::vector<int> ids = permute_choices(point, seed);
    device.prepare(point, seed);
    const PermuteResult result = device.result(point);
    const std::string what = point.key_cells()[0] + " " + dtype;
    check_slots(what, point, result, ids);
    const std::size_t h = point.hidden;
    const auto stored = [&](std::size_t i) {
      return static_cast<double>(device.stored(dtype, input_value(i, seed)));
    };
    std::vector<double> expected((back ? point.tokens : point.choices()) * h, 0);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto slot = static_cast<std::size_t>(result.slots[i]);
      for (std::size_t c = 0; c < h; ++c) {
        if (back)
          expected[i / point.topk * h + c] +=
              static_cast<double>(choice_weight(i, seed)) * stored(slot * h + c);
        else
          expected[slot * h + c] = stored(i / point.topk * h + c);
      }
    }
    check_rows(what, result.values, expected, h, back ? tolerance_of(dtype) : 0);
  }
}

inline std::vector<PermutePoint> plan_permute(const PermuteDevice& device, const Options& options) {
  std::vector<PermutePoint> points;
  const bool cpu = device.kind() == DeviceKind::kCpu;
  std::vector<std::size_t> tokens = {1, 4, 16, 64, 256, 1024, 4096, 16384};
  std::vector<MoeShape> shapes = {{2048, 0, 128, 8}, {4096, 0, 128, 8}, {7168, 0, 32, 8}};
  if (cpu) {
    tokens = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
    shapes = cpu_layer_shapes();
  }
  if (options.short_mode) {
    tokens = {1, 16, 64};
    if (!cpu) shapes.resize(1);
  }
  for (const bool back : {false, true})
    for (const std::string& dtype : device.dtypes(back))
      for (const MoeShape& shape : shapes)
        for (const std::size_t t : tokens)
          points.push_back({back, dtype, t, shape.topk, shape.hidden, shape.experts});
  const auto bytes = [](const PermutePoint& point) {
    return 8.0 * static_cast<double>((point.tokens + point.choices()) * point.hidden) + 2e9;
  };
  points.erase(std::remove_if(points.begin(), points.end(),
                              [&](const PermutePoint& point) {
                                return bytes(point) > static_cast<double>(device.memory_bytes());
                              }),
               points.end());
  shuffle_points(points, options.seed);
  return points;
}

/// Passes of microseconds that repeat well.
inline TimingPolicy permute_policy(const PermuteDevice& device, const Options& options) {
  return brief(device.policy(options.short_mode));
}

inline void run_permute(PermuteDevice& device, const Options& options, std::ostream& out) {
  for (const bool back : {false, true})
    for (const std::string& dtype : device.dtypes(back))
      check_permute(device, back, dtype, options.seed);
  const auto points = plan_permute(device, options);
  if (points.empty()) throw std::runtime_error("no point fits in memory");
  Table table(out, permute_columns());
  measure_points(device, points, options, permute_policy(device, options), table);
}

}  // namespace moesim::kernels
