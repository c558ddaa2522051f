// moe_layer on one CUDA GPU, bf16, of the same kernels that router_topk, permute and grouped_gemm
// (library own) measure. Nothing goes to the host between them. See moe_layer.hpp for what it
// measures and gpu.cuh for how it is timed.

#include "kernels/cublas.cuh"
#include "kernels/gpu_bench.cuh"
#include "kernels/grouped_tiles.cuh"
#include "kernels/moe_gpu.cuh"
#include "kernels/moe_layer.hpp"

namespace moesim::kernels {
namespace {

class LayerGpu final : public OnGpu<LayerDevice> {
 public:
  std::string dtype() const override { return "bf16"; }
  std::string library(const LayerPoint&) const override { return cuda_version(); }

  void prepare(LayerPoint& point, std::uint64_t seed) override {
    const MoeShape& shape = point.shape;
    const std::size_t choices = point.tokens * shape.topk, h = shape.hidden;
    fill_array(gpu_, x_.reserve(point.tokens * h), point.tokens * h, SignedValues{seed, 1});
    const auto bias = log_popularity(shape.experts, point.skew, seed + 3);
    upload(bias_.reserve(bias.size()), bias);
    logits_.reserve(point.tokens * shape.experts);
    ids_.reserve(choices);
    weights_.reserve(choices);
    rows_.reserve(choices * h);
    out_.reserve(choices * h);
    y_.reserve(point.tokens * h);
    permutation_.prepare(shape.experts, choices);
    tiles_.prepare(choices, shape.experts, h, shape.intermediate);
    fill_array(gpu_, router_.reserve(shape.experts * h), shape.experts * h,
               SignedValues{seed + 2, router_weight_scale(h)});
    route(point, 0);
    point.counts.assign(shape.experts, 0);
    for (const int id : fetch_array(gpu_, ids_.get(), choices))
      ++point.counts.at(static_cast<std::size_t>(id));
    prepare_weights(point, seed);
  }

  std::vector<float> result(const LayerPoint& point) override {
    pass(point, 0);
    return fetch_floats(gpu_, y_.get(), point.tokens * point.shape.hidden);
  }

  Sampler sampler(const LayerPoint& point) override {
    return gpu_.sampler(sets_, [this, point](std::size_t set) { pass(point, set); });
  }

 private:
  /// Every set has its own experts and a copy of the router, so that both are cold and all sets
  /// route alike.
  void prepare_weights(const LayerPoint& point, std::uint64_t seed) {
    const MoeShape& shape = point.shape;
    const std::size_t expert = shape.expert_elements();
    const std::size_t active = active_experts(point.counts);
    sets_ = sets_to_rotate(cold_bytes(), active * expert * sizeof(Bf16));
    const std::size_t elements = sets_ * active * expert;
    if (elements > pool_.size() || seed != filled_seed_) {
      pool_.reserve(elements);
      fill_array(gpu_, pool_.get(), pool_.size(), SignedValues{seed + 1, 0.0625F});  // weight_value
      filled_seed_ = seed;
    }
    std::vector<const Bf16*> table;
    for (std::size_t set = 0; set < sets_; ++set)
      for (const std::size_t slot : expert_slots(point.counts, set))
        table.push_back(pool_.get() + slot * expert);
    upload(table_.reserve(table.size()), table);
    const std::size_t router = shape.experts * shape.hidden;
    router_.reserve(sets_ * router);
    for (std::size_t set = 0; set < sets_; ++set)
      fill_array(gpu_, router_.get() + set * router, router,
                 SignedValues{seed + 2, router_weight_scale(shape.hidden)});
  }

  void route(const LayerPoint& point, std::size_t set) {
    const MoeShape& shape = point.shape;
    cublas_.logits(x_.get(), router_.get() + set * shape.experts * shape.hidden, point.tokens,
                   shape.experts, shape.hidden, logits_.get());
    launch_topk(gpu_, point.rule(), point.tokens, logits_.get(), bias_.get(), ids_.get(),
                weights_.get());
  }

  void pass(const LayerPoint& point, std::size_t set) {
    const MoeShape& shape = point.shape;
    route(point, set);
    permutation_.permute(gpu_, shape.topk, shape.hidden * sizeof(Bf16), ids_.get(), x_.get(),
                         rows_.get());
    tiles_.ffn(rows_.get(), table_.get() + set * shape.experts, permutation_.offsets(), out_.get());
    permutation_.unpermute(gpu_, shape.topk, shape.hidden, weights_.get(), out_.get(), y_.get());
  }

  Cublas cublas_{gpu_};
  GroupedTiles tiles_{gpu_};
  GpuPermutation permutation_;
  std::size_t sets_ = 1;
  std::uint64_t filled_seed_ = 0;
  GrowingArray<Bf16> x_, router_, pool_, rows_, out_, y_;
  GrowingArray<const Bf16*> table_;
  GrowingArray<float> bias_, logits_, weights_;
  GrowingArray<int> ids_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<LayerGpu>(argc, argv, run_moe_layer);
}
