// Operation attention_prefill: causal attention of whole prompts, every query against all tokens up
// to its own. What is common to the CUDA program and its CPU twin: shapes, grid, data, the check of
// the result, columns and the run itself; a PrefillDevice supplies the passes and their clock.
// Grouped queries: `heads` query heads share `kv_heads` keys and values. All prompts of a batch are
// of equal length and nothing is cached before them; chunked prefill is not in here.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/attention_reference.hpp"
#include "kernels/bench_device.hpp"
#include "kernels/command_line.hpp"
#include "kernels/random_data.hpp"
#include "kernels/rotation.hpp"
#include "kernels/shuffle.hpp"
#include "kernels/table.hpp"
#include "kernels/timing.hpp"
#include "kernels/values.hpp"

namespace moesim::kernels {

constexpr std::size_t kPrefillDim = 128;  ///< of a head

struct PrefillShape {
  std::string dtype;  ///< bf16 or fp32
  std::size_t batch = 1;
  std::size_t tokens = 1;
  std::size_t heads = 1;
  std::size_t kv_heads = 1;

  std::size_t query_elements() const { return batch * tokens * heads * kPrefillDim; }
  std::size_t key_elements() const { return batch * tokens * kv_heads * kPrefillDim; }
  std::size_t input_elements() const { return query_elements() + 2 * key_elements(); }
  std::size_t bytes() const {
    return (input_elements() + query_elements()) * (dtype == "bf16" ? 2 : 4);
  }
  /// Two products of two operations for every pair of a query and a token it sees.
  double flop() const {
    const auto pairs = 0.5 * static_cast<double>(tokens) * static_cast<double>(tokens + 1);
    return 4 * pairs * static_cast<double>(batch * heads * kPrefillDim);
  }
  int mantissa_bits() const { return dtype == "bf16" ? kMantissaBitsBf16 : kMantissaBitsFp32; }
};

/// 1 / sqrt(head dimension), as the definition has it.
inline double prefill_scale() { return 1.0 / std::sqrt(static_cast<double>(kPrefillDim)); }

/// The input of all sets is one array of input_elements() * sets numbers, random_value(i, seed,
/// mantissa_bits()). A set is queries [batch][tokens][heads][dim], then keys and values, each
/// [batch][tokens][kv_heads][dim]. The output of a set is shaped like its queries.
class PrefillDevice : public RotatingDevice {
 public:
  virtual std::string dtype() const = 0;
  virtual void fill(const PrefillShape& shape, std::size_t sets, std::uint64_t seed) = 0;
  virtual void run(const PrefillShape& shape, std::size_t set) = 0;
  virtual std::vector<float> output(const PrefillShape& shape, std::size_t set) = 0;
  virtual Sampler sampler(const PrefillShape& shape, std::size_t sets) = 0;
};

/// All outputs of set 1, so that a wrong offset between the sets shows.
inline void check_prefill(PrefillDevice& device, const PrefillShape& shape, std::uint64_t seed) {
  device.fill(shape, 2, seed);
  device.run(shape, 1);
  const std::size_t first_query = shape.input_elements();
  const std::size_t first_key = first_query + shape.query_elements();
  const std::size_t first_value = first_key + shape.key_elements();
  const int bits = shape.mantissa_bits();
  const auto row_of = [&](std::size_t first, std::size_t row, std::vector<double>& out) {
    for (std::size_t i = first + row * kPrefillDim; i < first + (row + 1) * kPrefillDim; ++i)
      out.push_back(static_cast<double>(random_value(i, seed, bits)));
  };
  std::vector<double> expected(shape.query_elements());
  for (std::size_t sequence = 0; sequence < shape.batch; ++sequence)
    for (std::size_t head = 0; head < shape.heads; ++head) {
      const std::size_t kv_head = head / (shape.heads / shape.kv_heads);
      std::vector<double> k, v;
      for (std::size_t t = sequence * shape.tokens; t < (sequence + 1) * shape.tokens; ++t) {
        row_of(first_key, t * shape.kv_heads + kv_head, k);
        row_of(first_value, t * shape.kv_heads + kv_head, v);
        const std::size_t row = t * shape.heads + head, seen = t - sequence * shape.tokens + 1;
        std::vector<double> q;
        row_of(first_query, row, q);
        const auto out = reference_attention(q, k, v, seen, kPrefillDim, prefill_scale());
        std::copy(out.begin(), out.end(),
                  expected.begin() + static_cast<std::ptrdiff_t>(row * kPrefillDim));
      }
    }
  check_rows("attention_prefill of " + std::to_string(shape.tokens) + " tokens",
             device.output(shape, 1), expected, kPrefillDim, attention_tolerance(shape.dtype));
}

struct PrefillPoint {
  PrefillShape shape;
  Rotation rotation;
};

/// The points that fit, in an order that the seed shuffles. Heads: Qwen3-30B-A3B, Qwen3-235B-A22B,
/// Mixtral-8x7B (their config.json on Hugging Face); the CPU takes what one core can do in seconds.
inline std::vector<PrefillPoint> plan_prefill(const PrefillDevice& device, const Options& options) {
  const bool gpu = device.dtype() == "bf16";
  std::vector<std::size_t> batches = {1}, lengths = {128, 256, 512, 1024};
  std::vector<std::array<std::size_t, 2>> heads = {{4, 1}, {8, 2}};
  if (gpu) {
    batches = {1, 4};
    lengths = {128, 512, 2048, 4096, 8192, 16384};
    heads = {{32, 4}, {64, 4}, {32, 8}};
  }
  if (options.short_mode) {
    batches = {1};
    lengths.resize(2);
    heads.resize(1);
  }
  std::vector<PrefillPoint> points;
  for (const auto pair : heads)
    for (const std::size_t batch : batches)
      for (const std::size_t tokens : lengths) {
        const PrefillShape shape{device.dtype(), batch, tokens, pair[0], pair[1]};
        if (static_cast<double>(shape.bytes()) > options.max_mib * 0x1p20) continue;
        for (const Rotation& rotation :
             rotations(shape.bytes(), 2 * device.cache_bytes(), device.memory_bytes()))
          points.push_back({shape, rotation});
      }
  shuffle_points(points, options.seed);
  return points;
}

inline std::vector<std::string> prefill_columns() {
  return columns_with_values({"op", "kind", "dtype", "batch", "tokens", "heads", "kv_heads",
                              "head_dim", "moved_bytes", "flop", "sets"});
}

/// A pass that takes longer would cost the suite more than it tells: length alone grows the cost
/// from there on.
constexpr double kLongestPrefill_s = 0.060;

inline void run_prefill(PrefillDevice& device, const Options& options, std::ostream& out) {
  const auto points = plan_prefill(device, options);
  if (points.empty()) throw std::runtime_error("no size fits in memory and below --max-mib");
  check_prefill(device, {device.dtype(), 2, 200, 4, 2}, options.seed);
  check_prefill(device, {device.dtype(), 1, 96, 16, 1}, options.seed);
  const TimingPolicy policy = options.short_mode ? short_policy() : TimingPolicy{};
  Table table(out, prefill_columns());
  for (const PrefillPoint& point : points) {
    const PrefillShape& shape = point.shape;
    device.fill(shape, point.rotation.sets, options.seed);
    const Sampler sampler = device.sampler(shape, point.rotation.sets);
    if (sampler.run_once() > kLongestPrefill_s) continue;
    const Summary summary = measure(policy, sampler);
    std::vector<std::string> row = {"attention_prefill", "gqa", shape.dtype};
    for (const std::size_t number :
         {shape.batch, shape.tokens, shape.heads, shape.kv_heads, kPrefillDim, shape.bytes()})
      row.push_back(std::to_string(number));
    row.insert(row.end(), {csv_number(shape.flop()), std::to_string(point.rotation.sets)});
    const Measured measured{point.rotation.hot, device.library(), device.name()};
    table.write(row_with_values(row, measured, sampler, summary));
  }
}

}  // namespace moesim::kernels
