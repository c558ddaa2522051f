// permute and unpermute on one CUDA GPU. See permute.hpp for what they measure, moe_gpu.cuh for the
// kernels and gpu.cuh for how they are timed.

#include "kernels/gpu_bench.cuh"
#include "kernels/moe_gpu.cuh"
#include "kernels/permute.hpp"

namespace moesim::kernels {
namespace {

class PermuteGpu final : public OnGpu<PermuteDevice> {
 public:
  /// Rows travel in fp8 or bf16; outputs of experts are bf16.
  std::vector<std::string> dtypes(bool back) const override {
    if (back) return {"bf16"};
    return {"bf16", "fp8"};
  }
  std::string library(const PermutePoint&) const override { return cuda_version(); }
  bool hot() const override { return hot_; }

  void prepare(const PermutePoint& point, std::uint64_t seed) override {
    element_ = point.dtype == "fp8" ? sizeof(Fp8) : sizeof(Bf16);
    const std::size_t in = (point.back ? point.choices() : point.tokens) * point.hidden;
    const std::size_t out = (point.back ? point.tokens : point.choices()) * point.hidden;
    // So few rows would need more sets than a graph should have nodes, and a layer finds them in
    // the cache too.
    sets_ = sets_to_rotate(cold_bytes(), in * element_);
    hot_ = sets_ > 64;
    if (hot_) sets_ = 1;
    fill(sets_ * in, seed);
    out_.reserve(out * element_);
    const std::vector<int> ids = permute_choices(point, seed);
    upload(ids_.reserve(ids.size()), ids);
    std::vector<float> weights(ids.size());
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = choice_weight(i, seed);
    upload(weights_.reserve(weights.size()), weights);
    permutation_.prepare(point.experts, point.choices());
    if (!point.back) return;
    // Only its slots are wanted: rows of 16 bytes will do.
    GrowingArray<unsigned char> x, rows;
    x.reserve(point.tokens * 16);
    check(cudaMemset(x.get(), 0, point.tokens * 16), "cannot clear an array");
    rows.reserve(point.choices() * 16);
    permutation_.permute(gpu_, point.topk, 16, ids_.get(), x.get(), rows.get());
    gpu_.synchronize();
  }

  PermuteResult result(const PermutePoint& point) override {
    pass(point, 0);
    PermuteResult result;
    result.offsets = fetch_array(gpu_, permutation_.offsets(), point.experts + 1);
    result.slots = fetch_array(gpu_, permutation_.slots(), point.choices());
    const std::size_t values = (point.back ? point.tokens : point.choices()) * point.hidden;
    result.values = element_ == sizeof(Bf16)
                        ? fetch_floats(gpu_, reinterpret_cast<const Bf16*>(out_.get()), values)
                        : fetch_floats(gpu_, reinterpret_cast<const Fp8*>(out_.get()), values);
    return result;
  }

  Sampler sampler(const PermutePoint& point) override {
    return gpu_.sampler(sets_, [this, point](std::size_t set) { pass(point, set); });
  }

 private:
  void fill(std::size_t size, std::uint64_t seed) {
    in_.reserve(size * element_);
    if (element_ == sizeof(Bf16))
      fill_array(gpu_, reinterpret_cast<Bf16*>(in_.get()), size, SignedValues{seed, 1});
    else
      fill_array(gpu_, reinterpret_cast<Fp8*>(in_.get()), size, SignedValues{seed, 1});
  }

  void pass(const PermutePoint& point, std::size_t set) {
    const std::size_t rows = point.back ? point.choices() : point.tokens;
    const unsigned char* in = in_.get() + set * rows * point.hidden * element_;
    if (point.back)
      permutation_.unpermute(gpu_, point.topk, point.hidden, weights_.get(),
                             reinterpret_cast<const Bf16*>(in),
                             reinterpret_cast<Bf16*>(out_.get()));
    else
      permutation_.permute(gpu_, point.topk, point.hidden * element_, ids_.get(), in, out_.get());
  }

  std::size_t element_ = 2, sets_ = 1;
  bool hot_ = false;
  GrowingArray<unsigned char> in_, out_;
  GrowingArray<int> ids_;
  GrowingArray<float> weights_;
  GpuPermutation permutation_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<PermuteGpu>(argc, argv, run_permute);
}
