// Operation attention_decode: one query token per sequence against its whole KV cache. What is
// common to the CUDA programs and their CPU twins: shapes, grid, data, the check of the result,
// columns and the run itself; a DecodeDevice supplies the passes and their clock.
//
// Two kinds. gqa: `heads` query heads share `kv_heads` keys and values of head_dim. mla: the
// absorbed form of DeepSeek-V2 (https://arxiv.org/abs/2405.04434, section 2.1), in which all heads
// share one latent vector of kv_lora_rank + qk_rope_head_dim numbers per token, whose first part is
// also the value; the projections around it are GEMMs and not in here. The cache of a sequence is
// contiguous, not paged, and all sequences are of equal length.
#pragma once

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

struct DecodeShape {
  bool mla = false;
  std::string kv_dtype;  ///< bf16, fp8 (e4m3) or fp32; the queries are bf16, or fp32 with fp32
  std::size_t batch = 1;
  std::size_t context = 1;
  std::size_t heads = 1;
  std::size_t kv_heads = 1;
  std::size_t value_dim = 1;
  std::size_t rope_dim = 0;  ///< mla: part of the key that is no value

  std::size_t key_dim() const { return value_dim + rope_dim; }
  std::string dtype() const { return kv_dtype == "fp32" ? "fp32" : "bf16"; }
  std::size_t kv_elements() const {
    return batch * context * kv_heads * (mla ? key_dim() : 2 * value_dim);
  }
  std::size_t kv_element_bytes() const {
    return kv_dtype == "fp8" ? 1 : kv_dtype == "bf16" ? 2 : 4;
  }
  std::size_t kv_bytes() const { return kv_elements() * kv_element_bytes(); }
  std::size_t query_elements() const { return batch * heads * key_dim(); }
  std::size_t output_elements() const { return batch * heads * value_dim; }
  int mantissa_bits() const {
    return kv_dtype == "fp8"    ? kMantissaBitsE4m3
           : kv_dtype == "bf16" ? kMantissaBitsBf16
                                : kMantissaBitsFp32;
  }
  /// Of the scores. Its value does not change the time.
  double softmax_scale() const { return 1.0 / std::sqrt(static_cast<double>(key_dim())); }
};

/// Scales of an fp8 cache, one per tensor; powers of two would hide that one was forgotten in a
/// sum. A cache of another type has none.
constexpr float kKeyScale = 0.75F;
constexpr float kValueScale = 1.25F;

/// Queries have another seed than the cache.
constexpr std::uint64_t query_seed(std::uint64_t seed) { return seed + 1000003; }

/// The cache of all sets is one array of kv_elements() * sets numbers, random_value(i, seed,
/// mantissa_bits()). A set of gqa is keys [batch][kv_heads][context][dim], then values alike; a set
/// of mla is [batch][context][key_dim]. Queries are [batch][heads][key_dim] with query_seed(seed)
/// and seven mantissa bits (fp32: 23), the output is [batch][heads][value_dim].
class DecodeDevice : public RotatingDevice {
 public:
  virtual std::vector<std::string> kv_dtypes() const = 0;
  /// Into how many parts it would cut the context.
  virtual std::size_t splits(const DecodeShape& shape) const = 0;
  virtual void fill(const DecodeShape& shape, std::size_t sets, std::uint64_t seed) = 0;
  virtual void run(const DecodeShape& shape, std::size_t splits, std::size_t set) = 0;
  virtual std::vector<float> output(const DecodeShape& shape) = 0;
  virtual Sampler sampler(const DecodeShape& shape, std::size_t splits, std::size_t sets) = 0;
};

/// A fixed part of a device that takes `resident` blocks at once and runs `rows` of them for one
/// split: the fewest splits that fill the waves nearly as well as any number does. Each has at
/// least one tile of the context and none is empty. Source of the rule: num_splits_heuristic of
/// FlashAttention, https://github.com/Dao-AILab/flash-attention/blob/main/hopper/heuristics.h.
inline std::size_t choose_splits(std::size_t rows, std::size_t resident, std::size_t tiles) {
  constexpr std::size_t most = 128;
  constexpr double nearly = 0.85;
  const auto parts = [&](std::size_t s) {  // splits that have work when the tiles go round s
    const std::size_t each = (tiles + s - 1) / s;
    return (tiles + each - 1) / each;
  };
  const auto efficiency = [&](std::size_t s) {
    const double waves = static_cast<double>(rows * s) / static_cast<double>(resident);
    return waves / std::ceil(waves);
  };
  double best = 0;
  for (std::size_t s = 1; s <= std::min(most, tiles); ++s)
    if (parts(s) == s) best = std::max(best, efficiency(s));
  for (std::size_t s = 1; s <= std::min(most, tiles); ++s)
    if (parts(s) == s && efficiency(s) >= nearly * best) return s;
  return 1;
}

/// All outputs of set 1, so that a wrong offset between the sets shows.
inline void check_decode(DecodeDevice& device, const DecodeShape& shape, std::size_t splits,
                         std::uint64_t seed) {
  device.fill(shape, 2, seed);
  device.run(shape, splits, 1);
  const std::size_t keys = shape.kv_elements(), values = shape.mla ? keys : keys + keys / 2;
  const bool scaled = shape.kv_dtype == "fp8";
  const int query_bits = shape.dtype() == "fp32" ? kMantissaBitsFp32 : kMantissaBitsBf16;
  const auto cached = [seed, bits = shape.mantissa_bits()](std::size_t index) {
    return static_cast<double>(random_value(index, seed, bits));
  };
  const std::size_t width = shape.key_dim(), group = shape.heads / shape.kv_heads;
  std::vector<double> expected;
  for (std::size_t part = 0; part < shape.batch * shape.kv_heads; ++part) {
    std::vector<double> k, v;
    for (std::size_t t = part * shape.context; t < (part + 1) * shape.context; ++t) {
      for (std::size_t d = 0; d < width; ++d)
        k.push_back((scaled ? double{kKeyScale} : 1.0) * cached(keys + t * width + d));
      for (std::size_t d = 0; d < shape.value_dim; ++d)
        v.push_back((scaled ? double{kValueScale} : 1.0) * cached(values + t * width + d));
    }
    for (std::size_t row = part * group; row < (part + 1) * group; ++row) {
      std::vector<double> q;
      for (std::size_t d = 0; d < width; ++d)
        q.push_back(
            static_cast<double>(random_value(row * width + d, query_seed(seed), query_bits)));
      for (const double x :
           reference_attention(q, k, v, shape.context, shape.value_dim, shape.softmax_scale()))
        expected.push_back(x);
    }
  }
  check_rows("attention_decode " + std::string(shape.mla ? "mla " : "gqa ") + shape.kv_dtype +
                 " in " + std::to_string(splits) + " splits",
             device.output(shape), expected, shape.value_dim, attention_tolerance(shape.dtype()));
}

struct DecodePoint {
  DecodeShape shape;
  Rotation rotation;
};

/// Which shapes a kind of device measures.
struct DecodeGrid {
  std::vector<std::size_t> batches, contexts;
  std::vector<std::array<std::size_t, 2>> heads;  ///< query heads, key-value heads
  std::size_t most_kv_bytes = 0;
};

/// Heads: Qwen3-30B-A3B, Qwen3-235B-A22B, Mixtral-8x7B (their config.json on Hugging Face); mla:
/// DeepSeek-V3's 128 heads, alone or in an eighth of them per GPU. The CPU takes what one core can
/// do in seconds. An fp8 cache differs from one in bf16 by its bytes, which a coarser grid shows.
inline DecodeGrid decode_grid(bool mla, const std::string& kv_dtype, bool short_mode) {
  const bool gpu = kv_dtype != "fp32";
  DecodeGrid grid;
  grid.most_kv_bytes = gpu ? 20'000'000'000 : 64 << 20;
  grid.batches = gpu ? std::vector<std::size_t>{1, 4, 16, 64, 256} : std::vector<std::size_t>{1, 4};
  grid.contexts = gpu ? std::vector<std::size_t>{128, 512, 2048, 8192, 32768}
                      : std::vector<std::size_t>{128, 512, 2048, 8192};
  if (mla)
    grid.heads = {{16, 1}, {128, 1}};
  else if (gpu)
    grid.heads = {{32, 4}, {64, 4}, {32, 8}};
  else
    grid.heads = {{32, 4}, {32, 8}};
  if (mla && !gpu) grid.contexts.pop_back();
  if (kv_dtype == "fp8") grid.batches = {1, 16, 256};
  if (!short_mode) return grid;
  grid.batches = {1};
  grid.contexts = {128, 512};
  grid.heads.resize(1);
  return grid;
}

inline DecodeShape decode_shape(bool mla, const std::string& kv_dtype, std::size_t batch,
                                std::size_t context, std::array<std::size_t, 2> heads) {
  if (mla) return {true, kv_dtype, batch, context, heads[0], 1, 512, 64};
  return {false, kv_dtype, batch, context, heads[0], heads[1], 128, 0};
}

/// The points that fit, in an order that the seed shuffles. An fp8 cache is measured cold only.
inline std::vector<DecodePoint> plan_decode(const DecodeDevice& device, bool mla,
                                            const Options& options) {
  std::vector<DecodePoint> points;
  for (const std::string& kv_dtype : device.kv_dtypes()) {
    const DecodeGrid grid = decode_grid(mla, kv_dtype, options.short_mode);
    for (const auto heads : grid.heads)
      for (const std::size_t batch : grid.batches)
        for (const std::size_t context : grid.contexts) {
          const DecodeShape shape = decode_shape(mla, kv_dtype, batch, context, heads);
          if (shape.kv_bytes() > grid.most_kv_bytes) continue;
          if (static_cast<double>(shape.kv_bytes()) > options.max_mib * 0x1p20) continue;
          for (const Rotation& rotation :
               rotations(shape.kv_bytes(), 2 * device.cache_bytes(), device.memory_bytes()))
            if (!rotation.hot || kv_dtype != "fp8") points.push_back({shape, rotation});
        }
  }
  shuffle_points(points, options.seed);
  return points;
}

inline std::vector<std::string> decode_columns() {
  return columns_with_values({"op", "kind", "dtype", "kv_dtype", "batch", "context", "heads",
                              "kv_heads", "head_dim", "kv_lora_rank", "qk_rope_head_dim", "splits",
                              "moved_bytes", "sets"});
}

/// The programs attention_decode (gqa) and attention_decode_mla.
inline void run_decode(DecodeDevice& device, bool mla, const Options& options, std::ostream& out) {
  const auto points = plan_decode(device, mla, options);
  if (points.empty()) throw std::runtime_error("no size fits in memory and below --max-mib");
  for (const std::string& kv_dtype : device.kv_dtypes())
    for (const auto heads : decode_grid(mla, kv_dtype, false).heads)
      for (const std::size_t splits : {1, 3}) {
        const bool cuts = device.splits(decode_shape(mla, kv_dtype, 1, 8192, heads)) > 1;
        if (splits == 1 || cuts)
          check_decode(device, decode_shape(mla, kv_dtype, 2, 333, heads), splits, options.seed);
      }
  const TimingPolicy policy = options.short_mode ? short_policy() : TimingPolicy{};
  Table table(out, decode_columns());
  for (const DecodePoint& point : points) {
    const DecodeShape& shape = point.shape;
    const std::size_t splits = device.splits(shape), sets = point.rotation.sets;
    device.fill(shape, sets, options.seed);
    const Sampler sampler = device.sampler(shape, splits, sets);
    const Summary summary = measure(policy, sampler);
    std::vector<std::string> row = {"attention_decode", mla ? "mla" : "gqa", shape.dtype(),
                                    shape.kv_dtype};
    for (const std::size_t number :
         {shape.batch, shape.context, shape.heads, shape.kv_heads, shape.key_dim(),
          mla ? shape.value_dim : 0, shape.rope_dim, splits, shape.kv_bytes(), sets})
      row.push_back(std::to_string(number));
    const Measured measured{point.rotation.hot, device.library(), device.name()};
    table.write(row_with_values(row, measured, sampler, summary));
  }
}
inline void run_decode_gqa(DecodeDevice& device, const Options& options, std::ostream& out) {
  run_decode(device, false, options, out);
}
inline void run_decode_mla(DecodeDevice& device, const Options& options, std::ostream& out) {
  run_decode(device, true, options, out);
}

}  // namespace moesim::kernels
