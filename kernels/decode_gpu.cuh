// What the two decode attention programs share on a GPU: the memory of a point and how it is
// filled, the room for partial results, and the merge of the splits. The kind of attention supplies
// its kernel: launch() for one set. Nothing is allocated in run(), because it is captured.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/attention_decode.hpp"
#include "kernels/gpu_bench.cuh"
#include "kernels/split_merge.cuh"

namespace moesim::kernels {

/// One set of a point and where its results go.
struct DecodePass {
  const __nv_bfloat16* queries = nullptr;
  const unsigned char* cache = nullptr;
  __nv_bfloat16* out = nullptr;  ///< written by the kernel itself when there is one split
  float* partial = nullptr;      ///< [batch][heads][split][value_dim], for more splits
  float* log_sum = nullptr;      ///< [batch][heads][split], base 2
  int batch = 0, context = 0, heads = 0, kv_heads = 0, splits = 0;
  float score_scale = 0;  ///< softmax scale, scale of the keys and log2 e
  float value_scale = 1;
};

class DecodeGpu : public RotatingOnGpu<DecodeDevice> {
 public:
  std::size_t memory_bytes() const override { return usable_bytes(capacity_); }

  void fill(const DecodeShape& shape, std::size_t sets, std::uint64_t seed) override {
    const std::size_t rows = shape.batch * shape.heads;
    most_splits_ = std::max(splits(shape), kCheckedSplits);
    queries_.reset();
    queries_ = allocate<__nv_bfloat16>(shape.query_elements());
    out_.reset();
    out_ = allocate<__nv_bfloat16>(shape.output_elements());
    partial_.reset();
    partial_ = allocate<float>(shape.output_elements() * most_splits_);
    log_sum_.reset();
    log_sum_ = allocate<float>(rows * most_splits_);
    fill_cache(shape, shape.kv_elements() * sets, seed);
    fill_array(gpu_, queries_.get(), shape.query_elements(),
               ExactValues{query_seed(seed), kMantissaBitsBf16});
    // Not a number, so that an element nobody writes is found.
    check(cudaMemsetAsync(out_.get(), 0xff, shape.output_elements() * sizeof(__nv_bfloat16),
                          gpu_.stream()),
          "cannot clear the output");
    check(cudaStreamSynchronize(gpu_.stream()), "filling the arrays failed");
  }

  void run(const DecodeShape& shape, std::size_t splits, std::size_t set) override {
    if (splits > most_splits_) throw std::logic_error("no room for so many splits");
    const bool scaled = shape.kv_dtype == "fp8";
    DecodePass pass;
    pass.queries = queries_.get();
    pass.cache = cache_.get() + set * shape.kv_bytes();
    pass.out = out_.get();
    pass.partial = partial_.get();
    pass.log_sum = log_sum_.get();
    pass.batch = static_cast<int>(shape.batch);
    pass.context = static_cast<int>(shape.context);
    pass.heads = static_cast<int>(shape.heads);
    pass.kv_heads = static_cast<int>(shape.kv_heads);
    pass.splits = static_cast<int>(splits);
    pass.score_scale =
        static_cast<float>(shape.softmax_scale()) * kLog2E * (scaled ? kKeyScale : 1.0F);
    pass.value_scale = scaled ? kValueScale : 1.0F;
    launch(shape, pass);
    check(cudaGetLastError(), "cannot launch the attention");
    if (splits == 1) return;
    merge_splits<<<static_cast<unsigned>(shape.batch * shape.heads), kThreads, 0, gpu_.stream()>>>(
        pass.partial, pass.log_sum, pass.out, pass.splits, static_cast<int>(shape.value_dim));
    check(cudaGetLastError(), "cannot launch the merge");
  }

  std::vector<float> output(const DecodeShape& shape) override {
    return fetch_floats(gpu_, out_.get(), shape.output_elements());
  }

  Sampler sampler(const DecodeShape& shape, std::size_t splits, std::size_t sets) override {
    return gpu_.sampler(sets, [this, shape, splits](std::size_t set) { run(shape, splits, set); });
  }

 protected:
  virtual void launch(const DecodeShape& shape, const DecodePass& pass) = 0;

 private:
  static constexpr std::size_t kCheckedSplits = 3;  ///< what run_decode() checks with

  /// Only what changed: most points find a larger cache of the same type and seed.
  void fill_cache(const DecodeShape& shape, std::size_t elements, std::uint64_t seed) {
    if (shape.kv_dtype == filled_dtype_ && seed == filled_seed_ && elements <= filled_) return;
    const std::size_t bytes = elements * shape.kv_element_bytes();
    if (bytes > capacity_) {
      cache_.reset();
      capacity_ = 0;
      cache_ = allocate<unsigned char>(bytes);
      capacity_ = bytes;
    }
    fill_numbers(gpu_, cache_.get(), shape.kv_element_bytes(), elements,
                 ExactValues{seed, shape.mantissa_bits()});
    filled_dtype_ = shape.kv_dtype;
    filled_seed_ = seed;
    filled_ = elements;
  }

  DeviceArray<unsigned char> cache_;
  DeviceArray<__nv_bfloat16> queries_, out_;
  DeviceArray<float> partial_, log_sum_;
  std::size_t capacity_ = 0, filled_ = 0, most_splits_ = 0;
  std::string filled_dtype_;
  std::uint64_t filled_seed_ = 0;
};

}  // namespace moesim::kernels
