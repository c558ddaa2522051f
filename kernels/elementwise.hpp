// Operation elementwise: the kernels between the matrix products of a layer, which only move bytes.
// What is common to the CUDA program and its CPU twin: the kernels and their results, grid, data,
// the check, columns and the run itself. An ElementwiseDevice supplies the passes and their clock.
//
// silu_mul: gate and up projections of `width` each to silu(gate) * up. silu_mul_quant: the same,
// stored as fp8 e4m3 with one scale per 128 numbers (DeepSeek-V3, https://arxiv.org/abs/2412.19437,
// section 3.3.2). rms_norm_residual: x + residual, its RMS norm times a weight, both written. rope:
// rotary embedding of heads of 128, halves rotated against each other (RoFormer,
// https://arxiv.org/abs/2104.09864). Out of place, so that a repeated pass finds the same data.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/command_line.hpp"
#include "kernels/random_data.hpp"
#include "kernels/rotation.hpp"
#include "kernels/shuffle.hpp"
#include "kernels/table.hpp"
#include "kernels/timing.hpp"
#include "kernels/values.hpp"

namespace moesim::kernels {

enum class Elementwise { kSiluMul, kSiluMulQuant, kRmsNormResidual, kRope };

constexpr const char* name_of(Elementwise kernel) {
  constexpr const char* names[] = {"silu_mul", "silu_mul_quant", "rms_norm_residual", "rope"};
  return names[static_cast<int>(kernel)];
}

constexpr std::size_t kQuantBlock = 128;  ///< numbers that share a scale
constexpr std::size_t kRopeDim = 128;     ///< of a head
constexpr double kRopeBase = 1e6;         ///< Qwen3's rope_theta; does not change the time
constexpr float kNormEpsilon = 1e-6F;     ///< Qwen3's rms_norm_eps; nor does this
constexpr float kLargestE4m3 = 448.0F;    ///< of e4m3

struct ElementwiseShape {
  Elementwise kernel = Elementwise::kSiluMul;
  std::string dtype;  ///< of what is read: bf16 or fp32
  std::size_t tokens = 1;
  std::size_t width = 128;  ///< numbers of a token that come out, a multiple of 128

  std::size_t elements() const { return tokens * width; }
  std::size_t element_bytes() const { return dtype == "bf16" ? 2 : 4; }
  bool reads_two() const { return kernel != Elementwise::kRope; }
  std::size_t input_elements() const { return elements() * (reads_two() ? 2 : 1); }
  std::size_t output_bytes() const {
    if (kernel == Elementwise::kSiluMulQuant)
      return elements() + elements() / kQuantBlock * sizeof(float);
    return elements() * element_bytes() * (kernel == Elementwise::kRmsNormResidual ? 2 : 1);
  }
  /// From one set's output to the next: aligned for accesses of 16 bytes.
  std::size_t output_stride() const { return (output_bytes() + 15) / 16 * 16; }
  /// What a set takes of its own.
  std::size_t set_bytes() const { return input_elements() * element_bytes() + output_bytes(); }
  /// The same and what all sets share: norm weights, cosines and sines.
  std::size_t moved_bytes() const {
    if (kernel == Elementwise::kRmsNormResidual) return set_bytes() + width * element_bytes();
    if (kernel == Elementwise::kRope) return set_bytes() + tokens * kRopeDim * sizeof(float);
    return set_bytes();
  }
  int mantissa_bits() const { return dtype == "bf16" ? kMantissaBitsBf16 : kMantissaBitsFp32; }
};

/// Norm weights have another seed than the input.
constexpr std::uint64_t weight_seed(std::uint64_t seed) { return seed + 1000003; }

/// Cosines, then sines, [tokens][kRopeDim / 2] each; a token's position is its number.
inline std::vector<float> rope_table(std::size_t tokens) {
  constexpr std::size_t half = kRopeDim / 2;
  std::vector<float> table(2 * tokens * half);
  for (std::size_t i = 0; i < half; ++i) {
    const double frequency =
        std::pow(kRopeBase, -static_cast<double>(i) / static_cast<double>(half));
    for (std::size_t t = 0; t < tokens; ++t) {
      table[t * half + i] = static_cast<float>(std::cos(static_cast<double>(t) * frequency));
      table[(tokens + t) * half + i] =
          static_cast<float>(std::sin(static_cast<double>(t) * frequency));
    }
  }
  return table;
}

/// The input of all sets is one array of input_elements() * sets numbers, random_value(i, seed,
/// mantissa_bits()). A set of silu_mul is [tokens][gate, up][width], of rms_norm_residual x
/// [tokens][width], then the residual alike, of rope [tokens][width]. Norm weights are [width] with
/// weight_seed(seed).
class ElementwiseDevice : public RotatingDevice {
 public:
  virtual std::string dtype() const = 0;
  virtual bool quantises() const = 0;  ///< whether it converts to fp8 at all
  virtual void fill(const ElementwiseShape& shape, std::size_t sets, std::uint64_t seed) = 0;
  virtual void run(const ElementwiseShape& shape, std::size_t set) = 0;
  /// [tokens][width]: fp8 times its scale; behind the normed values of rms_norm_residual the sums.
  virtual std::vector<float> output(const ElementwiseShape& shape, std::size_t set) = 0;
  virtual Sampler sampler(const ElementwiseShape& shape, std::size_t sets) = 0;
};

/// What output() must give, in double precision, from `input` of one set and the norm weights.
inline std::vector<double> elementwise_reference(const ElementwiseShape& shape,
                                                 const std::vector<double>& input,
                                                 const std::vector<double>& weights) {
  const std::size_t width = shape.width, all = shape.elements();
  std::vector<double> out(all);
  if (shape.kernel == Elementwise::kRmsNormResidual) {
    out.resize(2 * all);
    for (std::size_t i = 0; i < all; ++i) out[all + i] = input[i] + input[all + i];
    for (std::size_t t = 0; t < shape.tokens; ++t) {
      double squares = 0;
      for (std::size_t i = t * width; i < (t + 1) * width; ++i)
        squares += out[all + i] * out[all + i];
      const double root =
          std::sqrt(squares / static_cast<double>(width) + static_cast<double>(kNormEpsilon));
      for (std::size_t i = t * width; i < (t + 1) * width; ++i)
        out[i] = out[all + i] / root * weights[i % width];
    }
  } else if (shape.kernel == Elementwise::kRope) {
    constexpr std::size_t half = kRopeDim / 2;
    for (std::size_t i = 0; i < all; ++i) {
      const std::size_t pair = i % half;
      const double angle =
          static_cast<double>(i / width) *
          std::pow(kRopeBase, -static_cast<double>(pair) / static_cast<double>(half));
      const bool first = i % kRopeDim < half;
      out[i] = first ? input[i] * std::cos(angle) - input[i + half] * std::sin(angle)
                     : input[i] * std::cos(angle) + input[i - half] * std::sin(angle);
    }
  } else {
    for (std::size_t i = 0; i < all; ++i) {
      const double gate = input[i / width * 2 * width + i % width];
      const double up = input[i / width * 2 * width + width + i % width];
      out[i] = gate / (1 + std::exp(-gate)) * up;
    }
  }
  return out;
}

/// Half a unit in the last place, with a margin for the arithmetic before it: 2^-8 of the number in
/// bf16, 2^-4 in fp8, whose subnormals besides have a step of 2^-9 of the scale.
inline double allowed_error(const ElementwiseShape& shape, double expected, double block_largest) {
  if (shape.kernel == Elementwise::kSiluMulQuant)
    return 0.0626 * std::fabs(expected) +
           0x1p-10 * 1.01 * block_largest / static_cast<double>(kLargestE4m3);
  return (shape.dtype == "bf16" ? 0.00395 : 2e-6) * std::fabs(expected) + 2e-6;
}

constexpr std::size_t kCheckedSets = 2;

/// All outputs of the last of two sets, so that a wrong offset between the sets shows.
inline void check_elementwise(ElementwiseDevice& device, const ElementwiseShape& shape,
                              std::uint64_t seed) {
  device.fill(shape, kCheckedSets, seed);
  device.run(shape, 1);
  std::vector<double> input, weights;
  for (std::size_t i = 0; i < shape.input_elements(); ++i)
    input.push_back(
        static_cast<double>(random_value(shape.input_elements() + i, seed, shape.mantissa_bits())));
  for (std::size_t i = 0; i < shape.width; ++i)
    weights.push_back(
        static_cast<double>(random_value(i, weight_seed(seed), shape.mantissa_bits())));
  const auto expected = elementwise_reference(shape, input, weights);
  const std::vector<float> measured = device.output(shape, 1);
  const std::string what = "elementwise " + std::string(name_of(shape.kernel)) + ": wrong result, ";
  if (measured.size() != expected.size())
    throw std::runtime_error(what + std::to_string(measured.size()) + " numbers instead of " +
                             std::to_string(expected.size()));
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (i % kQuantBlock == 0) {
      largest = 0;
      for (std::size_t j = i; j < i + kQuantBlock; ++j)
        largest = std::max(largest, std::fabs(expected[j]));
    }
    if (!(std::fabs(static_cast<double>(measured[i]) - expected[i]) <=
          allowed_error(shape, expected[i], largest)))
      throw std::runtime_error(what + std::to_string(measured[i]) + " instead of " +
                               std::to_string(expected[i]) + " at element " + std::to_string(i));
  }
}

struct ElementwisePoint {
  ElementwiseShape shape;
  Rotation rotation;
};

inline std::vector<Elementwise> elementwise_kernels(const ElementwiseDevice& device) {
  std::vector<Elementwise> kernels = {Elementwise::kSiluMul, Elementwise::kRmsNormResidual,
                                      Elementwise::kRope};
  if (device.quantises()) kernels.push_back(Elementwise::kSiluMulQuant);
  return kernels;
}

/// The points that fit, in an order that the seed shuffles. Widths: Qwen3-30B-A3B, Qwen3-235B-A22B
/// and DeepSeek-V3 (hidden_size of their config.json on Hugging Face). A decode step of few tokens
/// finds its activations in the cache, so those are measured hot too.
inline std::vector<ElementwisePoint> plan_elementwise(const ElementwiseDevice& device,
                                                      const Options& options) {
  constexpr std::size_t most_hot_tokens = 128;
  const bool gpu = device.dtype() == "bf16";
  std::vector<std::size_t> tokens = {1, 16, 128, 1024}, widths = {512, 2048};
  if (gpu) {
    tokens = {1, 16, 64, 256, 1024, 4096, 16384};
    widths = {2048, 4096, 7168};
  }
  if (options.short_mode) {
    tokens = {16, 128};
    widths.resize(1);
  }
  std::vector<ElementwisePoint> points;
  for (const Elementwise kernel : elementwise_kernels(device))
    for (const std::size_t width : widths)
      for (const std::size_t count : tokens) {
        const ElementwiseShape shape{kernel, device.dtype(), count, width};
        if (static_cast<double>(shape.set_bytes()) > options.max_mib * 0x1p20) continue;
        for (const Rotation& rotation :
             rotations(shape.set_bytes(), 2 * device.cache_bytes(), device.memory_bytes()))
          if (!rotation.hot || count <= most_hot_tokens) points.push_back({shape, rotation});
      }
  shuffle_points(points, options.seed);
  return points;
}

inline std::vector<std::string> elementwise_columns() {
  return columns_with_values({"op", "kernel", "dtype", "tokens", "width", "moved_bytes", "sets"});
}

/// Passes of microseconds that repeat well.
inline TimingPolicy elementwise_policy(const Options& options) {
  return options.short_mode ? short_policy() : brief(TimingPolicy{});
}

inline void run_elementwise(ElementwiseDevice& device, const Options& options, std::ostream& out) {
  const auto points = plan_elementwise(device, options);
  if (points.empty()) throw std::runtime_error("no size fits in memory and below --max-mib");
  for (const Elementwise kernel : elementwise_kernels(device))
    for (const std::size_t width : {std::size_t{384}, std::size_t{7168}})
      check_elementwise(device, {kernel, device.dtype(), 7, width}, options.seed);
  const TimingPolicy policy = elementwise_policy(options);
  Table table(out, elementwise_columns());
  for (const ElementwisePoint& point : points) {
    const ElementwiseShape& shape = point.shape;
    device.fill(shape, point.rotation.sets, options.seed);
    const Sampler sampler = device.sampler(shape, point.rotation.sets);
    const Summary summary = measure(policy, sampler);
    const bool fp8 = shape.kernel == Elementwise::kSiluMulQuant;
    const Measured measured{point.rotation.hot, device.library(), device.name()};
    table.write(
        row_with_values({"elementwise", name_of(shape.kernel), fp8 ? "fp8" : shape.dtype,
                         std::to_string(shape.tokens), std::to_string(shape.width),
                         std::to_string(shape.moved_bytes()), std::to_string(point.rotation.sets)},
                        measured, sampler, summary));
  }
}

}  // namespace moesim::kernels
