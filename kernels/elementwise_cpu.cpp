// elementwise on one CPU thread, written with Eigen in fp32: the twin of elementwise.cu where there
// is no GPU. One token after the other, so that what a kernel reads twice is still in the cache.

#include <limits>

#include "kernels/cpu_device.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/fp8_e4m3.hpp"

namespace moesim::kernels {
namespace {

using Values = Eigen::Map<const Eigen::ArrayXf>;
using Result = Eigen::Map<Eigen::ArrayXf>;

class ElementwiseCpu final : public RotatingOnCpu<ElementwiseDevice> {
 public:
  std::string dtype() const override { return "fp32"; }
  bool quantises() const override { return true; }

  void fill(const ElementwiseShape& shape, std::size_t sets, std::uint64_t seed) override {
    in_.fill(shape.input_elements() * sets, seed, shape.mantissa_bits());
    weights_.resize(static_cast<Eigen::Index>(shape.width));
    for (Eigen::Index i = 0; i < weights_.size(); ++i)
      weights_[i] =
          random_value(static_cast<std::size_t>(i), weight_seed(seed), shape.mantissa_bits());
    if (shape.kernel == Elementwise::kRope) table_ = rope_table(shape.tokens);
    // Floats for everything, the bytes of a quantised output included. What the check looks at
    // begins as not a number, so that an element nobody writes is found.
    const auto room = static_cast<Eigen::Index>(shape.output_stride() / sizeof(float) * sets);
    if (room > out_.size()) out_.resize(room);
    if (sets == kCheckedSets) out_.head(room).setConstant(std::numeric_limits<float>::quiet_NaN());
    gated_.resize(static_cast<Eigen::Index>(shape.width));
  }

  void run(const ElementwiseShape& shape, std::size_t set) override {
    const float* in = in_.data() + set * shape.input_elements();
    float* out = out_.data() + set * shape.output_stride() / sizeof(float);
    for (std::size_t token = 0; token < shape.tokens; ++token) switch (shape.kernel) {
        case Elementwise::kSiluMul:
          gate(in + 2 * token * shape.width, out + token * shape.width, shape.width);
          break;
        case Elementwise::kSiluMulQuant:
          gate(in + 2 * token * shape.width, gated_.data(), shape.width);
          quantise(token * shape.width, shape, reinterpret_cast<std::uint8_t*>(out));
          break;
        case Elementwise::kRmsNormResidual:
          norm(in + token * shape.width, out + token * shape.width, shape);
          break;
        case Elementwise::kRope:
          rotate(in + token * shape.width, out + token * shape.width, token, shape);
          break;
      }
  }

  std::vector<float> output(const ElementwiseShape& shape, std::size_t set) override {
    const float* out = out_.data() + set * shape.output_stride() / sizeof(float);
    if (shape.kernel != Elementwise::kSiluMulQuant)
      return {out, out + shape.output_bytes() / sizeof(float)};
    const auto* numbers = reinterpret_cast<const std::uint8_t*>(out);
    const float* scales = out + shape.elements() / sizeof(float);
    std::vector<float> floats(shape.elements());
    for (std::size_t i = 0; i < floats.size(); ++i)
      floats[i] = from_e4m3(numbers[i]) * scales[i / kQuantBlock];
    return floats;
  }

  Sampler sampler(const ElementwiseShape& shape, std::size_t sets) override {
    return cpu_sampler(sets, [this, shape](std::size_t set) { run(shape, set); });
  }

 private:
  static void gate(const float* in, float* out, std::size_t width) {
    const auto size = static_cast<Eigen::Index>(width);
    const Values gates(in, size), ups(in + width, size);
    Result(out, size) = gates / (1.0F + (-gates).exp()) * ups;
  }

  /// The gated values, in blocks, to bytes; the scales lie behind all of these.
  void quantise(std::size_t first, const ElementwiseShape& shape, std::uint8_t* out) {
    float* scales = reinterpret_cast<float*>(out + shape.elements());
    for (std::size_t i = 0; i < shape.width; i += kQuantBlock) {
      const auto block =
          gated_.segment<static_cast<Eigen::Index>(kQuantBlock)>(static_cast<Eigen::Index>(i));
      const float scale = std::max(block.abs().maxCoeff(), 1e-12F) / kLargestE4m3;
      const float inverse = 1.0F / scale;
      std::uint8_t numbers[kQuantBlock];  // of its own, so that no alias hinders vector code
      for (std::size_t j = 0; j < kQuantBlock; ++j)
        numbers[j] = to_e4m3(block[static_cast<Eigen::Index>(j)] * inverse);
      std::copy_n(numbers, kQuantBlock, out + first + i);
      scales[(first + i) / kQuantBlock] = scale;
    }
  }

  void norm(const float* in, float* out, const ElementwiseShape& shape) {
    const auto size = static_cast<Eigen::Index>(shape.width);
    Result sums(out + shape.elements(), size);
    sums = Values(in, size) + Values(in + shape.elements(), size);
    const float mean = sums.square().sum() / static_cast<float>(size);
    Result(out, size) = sums * (1.0F / std::sqrt(mean + kNormEpsilon)) * weights_;
  }

  void rotate(const float* in, float* out, std::size_t token, const ElementwiseShape& shape) {
    constexpr auto half = static_cast<Eigen::Index>(kRopeDim / 2);
    const Values cosine(table_.data() + token * kRopeDim / 2, half);
    const Values sine(table_.data() + (shape.tokens + token) * kRopeDim / 2, half);
    for (std::size_t head = 0; head < shape.width; head += kRopeDim) {
      const Values low(in + head, half), high(in + head + half, half);
      Result(out + head, half) = low * cosine - high * sine;
      Result(out + head + half, half) = high * cosine + low * sine;
    }
  }

  ExactArray in_;
  Eigen::ArrayXf out_, weights_, gated_;
  std::vector<float> table_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<ElementwiseCpu>(argc, argv, run_elementwise, prepare_cpu);
}
