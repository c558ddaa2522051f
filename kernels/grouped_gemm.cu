// grouped_gemm on one CUDA GPU: the own kernel (grouped_tiles.cuh), cublasGemmGroupedBatchedEx, and
// for fp8, which that does not take, one cublasLt product after the other in a CUDA graph. See
// grouped_gemm.hpp for what it measures and gpu.cuh for how it is timed.

#include <iostream>
#include <map>
#include <memory>
#include <set>

#include "kernels/cublas.cuh"
#include "kernels/gpu_bench.cuh"
#include "kernels/grouped_gemm.hpp"
#include "kernels/grouped_tiles.cuh"

namespace moesim::kernels {
namespace {

/// One call for all active experts: group i is expert i with its own number of rows.
class CublasGroups {
 public:
  /// `pointers`: of all sets, weights of set s at [s * groups].
  void prepare(std::size_t columns, std::size_t width, const std::vector<int>& rows,
               const std::vector<const void*>& weights, const std::vector<const void*>& x,
               const std::vector<void*>& y) {
    groups_ = static_cast<int>(rows.size());
    transposed_.assign(rows.size(), CUBLAS_OP_T);
    plain_.assign(rows.size(), CUBLAS_OP_N);
    columns_.assign(rows.size(), static_cast<int>(columns));
    width_.assign(rows.size(), static_cast<int>(width));
    ones_.assign(rows.size(), 1.0F);
    zeros_.assign(rows.size(), 0.0F);
    sizes_.assign(rows.size(), 1);
    rows_ = rows;
    upload(weights_.reserve(weights.size()), weights);
    upload(x_.reserve(x.size()), x);
    upload(y_.reserve(y.size()), y);
  }

  void run(const Cublas& cublas, std::size_t set) const {
#if CUDART_VERSION >= 12050
    check(cublasGemmGroupedBatchedEx(
              cublas.handle(), transposed_.data(), plain_.data(), columns_.data(), rows_.data(),
              width_.data(), ones_.data(), weights_.get() + set * static_cast<std::size_t>(groups_),
              CUDA_R_16BF, width_.data(), x_.get(), CUDA_R_16BF, width_.data(), zeros_.data(),
              y_.get(), CUDA_R_16BF, columns_.data(), groups_, sizes_.data(), CUBLAS_COMPUTE_32F),
          "cublasGemmGroupedBatchedEx");
#else
    throw std::logic_error("this cuBLAS has no grouped product in bf16");
#endif
  }

 private:
  int groups_ = 0;
  std::vector<cublasOperation_t> transposed_, plain_;
  std::vector<int> columns_, width_, rows_, sizes_;
  std::vector<float> ones_, zeros_;
  GrowingArray<const void*> weights_, x_;
  GrowingArray<void*> y_;
};

class GroupedGpu final : public OnGpu<GroupedDevice> {
 public:
  GroupedGpu() : groups_in_cublas_(multiplies_groups()) {
    if (!groups_in_cublas_)
      std::cerr << "grouped_gemm: cublas is left out, it multiplies no groups here\n";
  }

  std::vector<std::string> libraries(const std::string& dtype) const override {
    if (dtype == "fp8" && compute_capability() >= 89 && multiplies_few_rows_in_fp8())
      return {"cublasLt-loop"};
    if (dtype != "bf16") return {};
    if (!groups_in_cublas_) return {"own"};
    return {"own", "cublas"};
  }

  bool supports(const GroupedPoint& point) const override {
    if (point.library != "cublasLt-loop") return true;
    const std::size_t h = point.hidden, n = point.intermediate;
    const std::set<int> counts(point.counts.begin(), point.counts.end());
    for (const int count : counts) {
      const auto rows = static_cast<std::size_t>(count);
      if (count > 0 && (LtMatmul(lt_, "fp8", {rows, 2 * n, h}).algorithms() == 0 ||
                        LtMatmul(lt_, "fp8", {rows, h, n}).algorithms() == 0))
        return false;
    }
    return true;
  }

  std::string library(const GroupedPoint& point) const override {
    return point.library == "own" ? cuda_version() : cublas_library(point.library);
  }

  void prepare(const GroupedPoint& point, std::uint64_t seed) override {
    const MoeShape shape = point.shape();
    const std::size_t active = active_experts(point.counts);
    element_ = point.dtype == "fp8" ? sizeof(Fp8) : sizeof(Bf16);
    sets_ = sets_to_rotate(cold_bytes(), active * shape.expert_elements() * element_);
    fill_pool(sets_ * active * shape.expert_elements(), seed);
    const std::size_t inputs = point.rows() * point.input_width();
    x_.reserve(inputs * element_);
    fill_numbers(gpu_, x_.get(), element_, inputs, SignedValues{seed, 1});
    y_.reserve(point.rows() * point.output_width());
    tiles_.prepare(point.rows(), point.counts.size(), point.hidden, point.intermediate);
    act8_.reserve(point.rows() * point.intermediate);
    std::vector<int> offsets = {0};
    for (const int count : point.counts) offsets.push_back(offsets.back() + count);
    upload(offsets_.reserve(offsets.size()), offsets);
    if (point.library == "own") prepare_own(point);
    if (point.library == "cublas") prepare_cublas(point, offsets);
    if (point.library == "cublasLt-loop") prepare_loop(point);
  }

  std::vector<float> result(const GroupedPoint& point) override {
    pass(point, 0);
    auto values = outputs(point);
    if (point.library == "cublas") learn_whether_captured(point, values);
    return values;
  }

  Sampler sampler(const GroupedPoint& point) override {
    CaptureWhen when = CaptureWhen::kShort;
    if (point.library == "cublas" && !captured_) when = CaptureWhen::kNever;
    if (point.library == "cublasLt-loop") when = CaptureWhen::kAlways;
    return gpu_.sampler(
        sets_, [this, point](std::size_t set) { pass(point, set); }, when);
  }

 private:
  /// Whether this cuBLAS has the call and the device it asks for.
  bool multiplies_groups() {
    if (CUDART_VERSION < 12050) return false;
    const GroupedPoint point{"cublas", "bf16", "gate_up", 256, 128, {3, 1}, "probe"};
    prepare(point, 1);
    try {
      pass(point, 0);
    } catch (const std::runtime_error&) {
      return false;
    }
    gpu_.synchronize();
    return true;
  }

  bool multiplies_few_rows_in_fp8() const {
    for (const std::size_t rows : {1, 3, 17})
      if (LtMatmul(lt_, "fp8", {rows, 256, 256}).algorithms() == 0) return false;
    return true;
  }

  /// Weights do not depend on the point but for their type, so they are made once.
  void fill_pool(std::size_t elements, std::uint64_t seed) {
    if (elements * element_ <= pool_.size() && elements <= filled_ && element_ == filled_element_ &&
        seed == filled_seed_)
      return;
    pool_.reserve(elements * element_);
    filled_ = pool_.size() / element_;
    filled_element_ = element_;
    filled_seed_ = seed;
    fill_numbers(gpu_, pool_.get(), element_, filled_,
                 SignedValues{seed + 1, 0.0625F});  // weight_value
  }

  unsigned char* expert(const GroupedPoint& point, std::size_t slot) const {
    return pool_.get() + slot * point.shape().expert_elements() * element_;
  }

  Bf16* gate_up_output(const GroupedPoint& point) const {
    return point.stage == "gate_up" ? y_.get() : tiles_.gate_up();
  }

  void prepare_own(const GroupedPoint& point) {
    std::vector<const Bf16*> table;
    for (std::size_t set = 0; set < sets_; ++set)
      for (const std::size_t slot : expert_slots(point.counts, set))
        table.push_back(reinterpret_cast<const Bf16*>(expert(point, slot)));
    upload(table_.reserve(table.size()), table);
  }

  void prepare_cublas(const GroupedPoint& point, const std::vector<int>& offsets) {
    const MoeShape shape = point.shape();
    const std::size_t h = shape.hidden, n = shape.intermediate;
    std::vector<const void*> gate_up, down, x, act;
    std::vector<void*> mid, y;
    std::vector<int> rows;
    for (std::size_t set = 0; set < sets_; ++set) {
      const auto slots = expert_slots(point.counts, set);
      for (std::size_t e = 0; e < slots.size(); ++e) {
        if (point.counts[e] == 0) continue;
        gate_up.push_back(expert(point, slots[e]));
        down.push_back(expert(point, slots[e]) + 2 * h * n * sizeof(Bf16));
        if (set > 0) continue;
        const auto row = static_cast<std::size_t>(offsets[e]);
        rows.push_back(point.counts[e]);
        x.push_back(x_.get() + row * h * sizeof(Bf16));
        mid.push_back(gate_up_output(point) + row * 2 * n);
        act.push_back(down_input(point) + row * n);
        y.push_back(y_.get() + row * h);
      }
    }
    if (point.stage != "down") gate_up_groups_.prepare(2 * n, h, rows, gate_up, x, mid);
    if (point.stage != "gate_up") down_groups_.prepare(h, n, rows, down, act, y);
  }

  Bf16* down_input(const GroupedPoint& point) const {
    return point.stage == "down" ? reinterpret_cast<Bf16*>(x_.get()) : tiles_.act();
  }

  void prepare_loop(const GroupedPoint& point) {
    const MoeShape shape = point.shape();
    gate_up_products_.clear();
    down_products_.clear();
    const auto add = [&](std::map<int, std::unique_ptr<LtMatmul>>& products, int rows,
                         std::size_t n, std::size_t k) {
      auto& product = products[rows];
      if (product == nullptr)
        product =
            std::make_unique<LtMatmul>(lt_, "fp8", GemmShape{static_cast<std::size_t>(rows), n, k});
      if (product->algorithms() == 0)
        throw std::runtime_error("cublasLt cannot multiply " + std::to_string(rows) +
                                 " rows in fp8 here");
    };
    slots_.clear();
    for (std::size_t set = 0; set < sets_; ++set) slots_.push_back(expert_slots(point.counts, set));
    for (const int count : point.counts) {
      if (count == 0) continue;
      add(gate_up_products_, count, 2 * shape.intermediate, shape.hidden);
      add(down_products_, count, shape.hidden, shape.intermediate);
    }
  }

  void pass(const GroupedPoint& point, std::size_t set) {
    if (point.library == "own") return own_pass(point, set);
    if (point.library == "cublasLt-loop") return loop_pass(point, set);
    if (point.stage != "down") gate_up_groups_.run(cublas_, set);
    if (point.stage == "both") tiles_.silu_mul_pass();
    if (point.stage != "gate_up") down_groups_.run(cublas_, set);
  }

  void own_pass(const GroupedPoint& point, std::size_t set) {
    const Bf16* const* experts = table_.get() + set * point.counts.size();
    const auto* x = reinterpret_cast<const Bf16*>(x_.get());
    if (point.stage == "both") return tiles_.ffn(x, experts, offsets_.get(), y_.get());
    tiles_.schedule(offsets_.get());
    if (point.stage == "gate_up") tiles_.gate_up_pass(x, experts, offsets_.get());
    if (point.stage == "down") tiles_.down_pass(x, experts, offsets_.get(), y_.get());
  }

  void loop_pass(const GroupedPoint& point, std::size_t set) {
    const std::size_t h = point.hidden, n = point.intermediate;
    if (point.stage != "down")
      each_expert(point, set, gate_up_products_, 0, x_.get(), h, gate_up_output(point), 2 * n);
    if (point.stage == "both")
      launch_silu_mul(gpu_, tiles_.gate_up(), point.rows(), n, act8_.get());
    if (point.stage == "gate_up") return;
    const void* in = point.stage == "down" ? static_cast<const void*>(x_.get()) : act8_.get();
    each_expert(point, set, down_products_, 2 * h * n, in, n, y_.get(), h);
  }

  void each_expert(const GroupedPoint& point, std::size_t set,
                   const std::map<int, std::unique_ptr<LtMatmul>>& products, std::size_t offset,
                   const void* x, std::size_t width, Bf16* y, std::size_t columns) {
    const auto* rows = static_cast<const unsigned char*>(x);
    for (std::size_t e = 0; e < point.counts.size(); ++e) {
      if (point.counts[e] == 0) continue;
      products.at(point.counts[e])
          ->run(0, rows, expert(point, slots_[set][e]) + offset, y, gpu_.stream());
      rows += static_cast<std::size_t>(point.counts[e]) * width;
      y += static_cast<std::size_t>(point.counts[e]) * columns;
    }
  }

  std::vector<float> outputs(const GroupedPoint& point) {
    const bool own_gate_up = point.library == "own" && point.stage == "gate_up";
    return fetch_floats(gpu_, own_gate_up ? tiles_.gate_up() : y_.get(),
                        point.rows() * point.output_width());
  }

  /// cuBLAS does not say whether a grouped product may be captured: a replay has to give the same
  /// result once.
  void learn_whether_captured(const GroupedPoint& point, const std::vector<float>& expected) {
    try {
      check(cudaMemset(y_.get(), 0, point.rows() * point.output_width() * sizeof(Bf16)),
            "cannot clear the output");
      gpu_.replay([this, point](std::size_t set) { pass(point, set); });
      captured_ = captured_ && outputs(point) == expected;
    } catch (const std::runtime_error&) {
      captured_ = false;
    }
  }

  Cublas cublas_{gpu_};
  CublasLt lt_;
  GroupedTiles tiles_{gpu_};
  std::size_t element_ = 2, sets_ = 1, filled_ = 0, filled_element_ = 0;
  std::uint64_t filled_seed_ = 0;
  bool captured_ = true;
  GrowingArray<unsigned char> pool_, x_;
  GrowingArray<Bf16> y_;
  GrowingArray<Fp8> act8_;
  GrowingArray<int> offsets_;
  GrowingArray<const Bf16*> table_;
  CublasGroups gate_up_groups_, down_groups_;
  std::map<int, std::unique_ptr<LtMatmul>> gate_up_products_, down_products_;
  std::vector<std::vector<std::size_t>> slots_;
  bool groups_in_cublas_ = false;  // last: finding out uses the above
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<GroupedGpu>(argc, argv, run_grouped_gemm);
}
