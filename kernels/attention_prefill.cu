// attention_prefill on one CUDA GPU: flash attention, forward and causal. See attention_prefill.hpp
// for what it measures and gpu.cuh for how it is timed.
//
// A block takes 128 queries of one head, 16 per warp, and walks over the keys in tiles of 64 tokens
// that come by asynchronous copies into one of two buffers. Scores stay in registers and serve as
// the left operand of the second product. Method: FlashAttention-2
// (https://arxiv.org/abs/2307.08691, algorithm 1); without Hopper's wgmma, so about half as fast as
// the best kernels there.

#include "kernels/attention_prefill.hpp"
#include "kernels/gpu_bench.cuh"
#include "kernels/mma.cuh"
#include "kernels/softmax.cuh"
#include "kernels/swizzle.hpp"

namespace moesim::kernels {
namespace {

constexpr int kDim = static_cast<int>(kPrefillDim);
constexpr int kWarps = 8;
constexpr int kBlockThreads = 32 * kWarps;
constexpr int kQueries = 16 * kWarps;
constexpr int kTokens = 64;
constexpr int kScoreTiles = kTokens / 8;
constexpr int kOutputTiles = kDim / 8;

struct Shared {
  __nv_bfloat16 key[2][kTokens * kDim];
  __nv_bfloat16 value[2][kTokens * kDim];
};

struct PrefillPass {
  const __nv_bfloat16* queries = nullptr;
  const __nv_bfloat16* keys = nullptr;
  const __nv_bfloat16* values = nullptr;
  __nv_bfloat16* out = nullptr;
  int tokens = 0, heads = 0, kv_heads = 0;
  float scale = 0;  ///< of the scores, with log2 e
};

/// A tile of rows that are `stride` numbers apart; rows from `available` on become zeros.
__device__ void copy_tile(__nv_bfloat16* target, const __nv_bfloat16* source, std::size_t stride,
                          int available) {
  constexpr int chunks = kDim / kChunk;
  for (int i = threadIdx.x; i < kTokens * chunks; i += kBlockThreads) {
    const int row = i / chunks, chunk = i % chunks;
    const bool valid = row < available;
    copy_async(target + swizzled<kDim>(row, chunk),
               source + (valid ? row * stride + chunk * kChunk : std::size_t{0}), valid);
  }
}

/// Sixteen queries of a warp: rows g and g + 8 of every fragment.
struct Rows {
  unsigned query[kDim / 16][4];
  float out[kOutputTiles][4] = {};
  float largest[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};  ///< of this lane's tokens only, until the end
};

__device__ void score_tile(const Rows& rows, const __nv_bfloat16* keys,
                           float (&score)[kScoreTiles][4]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int k = 0; k < kDim / 16; ++k)
#pragma unroll
    for (int n = 0; n < kScoreTiles; n += 2) {
      unsigned b[4];  // both halves of the step for tokens 0-7, then for 8-15
      load_matrices(b,
                    keys + swizzled<kDim>(8 * n + lane / 16 * 8 + lane % 8, 2 * k + lane / 8 % 2));
      mma(score[n], rows.query[k], b[0], b[1], __nv_bfloat16{});
      mma(score[n + 1], rows.query[k], b[2], b[3], __nv_bfloat16{});
    }
}

/// Scores become weights; sums and output so far are brought to the new maximum. A query sees the
/// tokens up to its own: `seen` counts those of the tile that query g may use, g + 8 sees 8 more.
__device__ void weigh_tile(Rows& rows, float (&score)[kScoreTiles][4], int seen, float scale) {
  const int c = threadIdx.x % 4;
  float shrink[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float largest = rows.largest[half];
#pragma unroll
    for (int i = 0; i < 2 * kScoreTiles; ++i) {
      float& x = score[i / 2][2 * half + i % 2];
      x = i / 2 * 8 + 2 * c + i % 2 < seen + 8 * half ? x * scale : -INFINITY;
      largest = fmaxf(largest, x);
    }
    largest = row_max(largest);  // finite: every query sees the first token
    shrink[half] = exp2f(rows.largest[half] - largest);
    rows.largest[half] = largest;
    rows.sum[half] *= shrink[half];
#pragma unroll
    for (int i = 0; i < 2 * kScoreTiles; ++i) {
      float& x = score[i / 2][2 * half + i % 2];
      x = exp2f(x - largest);
      rows.sum[half] += x;
    }
  }
#pragma unroll
  for (int i = 0; i < 4 * kOutputTiles; ++i) rows.out[i / 4][i % 4] *= shrink[i % 4 / 2];
}

__device__ void add_tile(Rows& rows, const float (&weight)[kScoreTiles][4],
                         const __nv_bfloat16* values) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int k = 0; k < kTokens / 16; ++k) {
    unsigned a[4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      a[i] = packed(weight[2 * k + i / 2][2 * (i % 2)], weight[2 * k + i / 2][2 * (i % 2) + 1],
                    __nv_bfloat16{});
#pragma unroll
    for (int n = 0; n < kOutputTiles; n += 2) {
      unsigned b[4];  // tokens 0-7 and 8-15 of dimensions 0-7, then of 8-15
      load_matrices_transposed(b, values + swizzled<kDim>(16 * k + lane % 16, n + lane / 16));
      mma(rows.out[n], a, b[0], b[1], __nv_bfloat16{});
      mma(rows.out[n + 1], a, b[2], b[3], __nv_bfloat16{});
    }
  }
}

/// Grid: heads, blocks of queries, batch. The last queries see most and start first.
__global__ void __launch_bounds__(kBlockThreads) prefill_kernel(PrefillPass pass) {
  extern __shared__ __align__(128) unsigned char memory[];
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, c = threadIdx.x % 4;
  const int head = blockIdx.x, kv_head = head / (pass.heads / pass.kv_heads);
  const int block_query = static_cast<int>(gridDim.y - 1 - blockIdx.y) * kQueries;
  const int first_query = block_query + 16 * warp;
  const std::size_t sequence = static_cast<std::size_t>(blockIdx.z) * pass.tokens;
  const std::size_t query_stride = static_cast<std::size_t>(pass.heads) * kDim;
  const std::size_t key_stride = static_cast<std::size_t>(pass.kv_heads) * kDim;
  const __nv_bfloat16* keys = pass.keys + sequence * key_stride + kv_head * kDim;
  const __nv_bfloat16* values = pass.values + sequence * key_stride + kv_head * kDim;
  const int end = min(pass.tokens, block_query + kQueries);
  const auto fetch = [&](int first, int buffer) {
    copy_tile(shared.key[buffer], keys + first * key_stride, key_stride, end - first);
    copy_tile(shared.value[buffer], values + first * key_stride, key_stride, end - first);
    commit_copies();
  };
  fetch(0, 0);

  Rows rows;
#pragma unroll
  for (int i = 0; i < 4 * (kDim / 16); ++i) {  // queries behind the end repeat the last one
    const int row = min(first_query + g + i % 2 * 8, pass.tokens - 1);
    rows.query[i / 4][i % 4] =
        *reinterpret_cast<const unsigned*>(pass.queries + (sequence + row) * query_stride +
                                           head * kDim + i / 4 * 16 + 2 * c + i % 4 / 2 * 8);
  }
  int buffer = 0;
  for (int first = 0; first < end; first += kTokens, buffer ^= 1) {
    wait_for_copies<0>();
    __syncthreads();  // this tile is there, and everybody is done with the other buffer
    if (first + kTokens < end) fetch(first + kTokens, buffer ^ 1);
    if (first > first_query + 15) continue;  // the warp's queries see nothing of this tile
    float score[kScoreTiles][4] = {};
    score_tile(rows, shared.key[buffer], score);
    weigh_tile(rows, score, first_query + g + 1 - first, pass.scale);
    add_tile(rows, score, shared.value[buffer]);
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float total = row_sum(rows.sum[half]);
    const int row = first_query + g + 8 * half;
    if (row >= pass.tokens) continue;
    __nv_bfloat16* target = pass.out + (sequence + row) * query_stride + head * kDim + 2 * c;
#pragma unroll
    for (int n = 0; n < kOutputTiles; ++n)
      *reinterpret_cast<__nv_bfloat162*>(target + 8 * n) =
          __floats2bfloat162_rn(rows.out[n][2 * half] / total, rows.out[n][2 * half + 1] / total);
  }
}

class PrefillGpu final : public RotatingOnGpu<PrefillDevice> {
 public:
  PrefillGpu() {
    check(cudaFuncSetAttribute(prefill_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(sizeof(Shared))),
          "cannot get " + std::to_string(sizeof(Shared)) + " bytes of shared memory");
  }

  std::string dtype() const override { return "bf16"; }

  void fill(const PrefillShape& shape, std::size_t sets, std::uint64_t seed) override {
    const std::size_t out_bytes = shape.query_elements() * sets * sizeof(__nv_bfloat16);
    in_.reset();
    out_.reset();
    in_ = allocate<__nv_bfloat16>(shape.input_elements() * sets);
    out_ = allocate<__nv_bfloat16>(shape.query_elements() * sets);
    fill_array(gpu_, in_.get(), shape.input_elements() * sets,
               ExactValues{seed, shape.mantissa_bits()});
    // Not a number, so that an element nobody writes is found.
    check(cudaMemsetAsync(out_.get(), 0xff, out_bytes, gpu_.stream()), "cannot clear the output");
    check(cudaStreamSynchronize(gpu_.stream()), "filling the arrays failed");
  }

  void run(const PrefillShape& shape, std::size_t set) override {
    if (shape.heads % shape.kv_heads != 0) throw std::logic_error("no kernel for this shape");
    PrefillPass pass;
    pass.queries = in_.get() + set * shape.input_elements();
    pass.keys = pass.queries + shape.query_elements();
    pass.values = pass.keys + shape.key_elements();
    pass.out = out_.get() + set * shape.query_elements();
    pass.tokens = static_cast<int>(shape.tokens);
    pass.heads = static_cast<int>(shape.heads);
    pass.kv_heads = static_cast<int>(shape.kv_heads);
    pass.scale = static_cast<float>(prefill_scale()) * kLog2E;
    const dim3 grid(static_cast<unsigned>(shape.heads),
                    static_cast<unsigned>((shape.tokens + kQueries - 1) / kQueries),
                    static_cast<unsigned>(shape.batch));
    prefill_kernel<<<grid, kBlockThreads, sizeof(Shared), gpu_.stream()>>>(pass);
    check(cudaGetLastError(), "cannot launch the attention");
  }

  std::vector<float> output(const PrefillShape& shape, std::size_t set) override {
    return fetch_floats(gpu_, out_.get() + set * shape.query_elements(), shape.query_elements());
  }

  Sampler sampler(const PrefillShape& shape, std::size_t sets) override {
    return gpu_.sampler(sets, [this, shape](std::size_t set) { run(shape, set); });
  }

 private:
  DeviceArray<__nv_bfloat16> in_, out_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<PrefillGpu>(argc, argv, run_prefill);
}
