// attention_decode, kind mla, on one CUDA GPU: the absorbed form, in which 16 or 128 heads share
// one latent vector per token. See attention_decode.hpp for what it measures and gpu.cuh for how it
// is timed.
//
// A block takes one part of the context for 16 or 64 heads. Tokens come in tiles by asynchronous
// copies into one of two buffers; scores and output are products on the tensor cores, and both read
// the same tile, because the first 512 numbers of a key are the value. Eight warps: rows of 16
// heads, and beside each other columns, which are tokens for the scores and latent dimensions for
// the output.

#include "kernels/decode_gpu.cuh"
#include "kernels/mma.cuh"
#include "kernels/swizzle.hpp"

namespace moesim::kernels {
namespace {

constexpr int kLatent = 512;
constexpr int kKey = 576;  ///< latent and rotary part
constexpr int kWarps = 8;
constexpr int kBlockThreads = 32 * kWarps;

/// `row_groups` of 16 heads and `tokens` per tile.
template <int row_groups, int tokens>
struct Layout {
  static constexpr int kRows = 16 * row_groups;
  static constexpr int kColumns = kWarps / row_groups;  ///< warps side by side
  static constexpr int kTokens = tokens;
  static constexpr int kScoreTiles = tokens / kColumns < 8 ? 1 : tokens / kColumns / 8;
  static constexpr int kOutputTiles = kLatent / kColumns / 8;
  static_assert(kOutputTiles % 2 == 0, "they are loaded in pairs");

  __nv_bfloat16 query[kRows * kKey];
  __nv_bfloat16 cache[2][tokens * kKey];
  __nv_bfloat16 weight[kRows * 64];  ///< a row of weights takes 64 numbers, so that it permutes
  float largest[kColumns][kRows];
  float sum[kColumns][kRows];
};

/// Rows of kKey numbers from global memory; rows from `available` on become zeros.
__device__ void copy_rows(__nv_bfloat16* target, const __nv_bfloat16* source, int rows,
                          int available) {
  constexpr int chunks = kKey / kChunk;
  for (int i = threadIdx.x; i < rows * chunks; i += kBlockThreads) {
    const int row = i / chunks, chunk = i % chunks;
    const bool valid = row < available;
    const std::size_t offset =
        valid ? static_cast<std::size_t>(row) * kKey + chunk * kChunk : std::size_t{0};
    copy_async(target + swizzled<kKey>(row, chunk), source + offset, valid);
  }
}

/// Scores of the warp's 16 rows with its tokens of the tile.
template <class Shared>
__device__ void score_tile(const Shared& shared, const __nv_bfloat16* cache, int first_row,
                           int first_token, float (&score)[Shared::kScoreTiles][4]) {
  const int lane = threadIdx.x % 32;
#pragma unroll 4
  for (int k = 0; k < kKey / 16; ++k) {
    unsigned a[4];
    load_matrices(a, shared.query + swizzled<kKey>(first_row + lane % 16, 2 * k + lane / 16));
#pragma unroll
    for (int n = 0; n < Shared::kScoreTiles; n += 2) {
      // Matrices: tokens 0-7 and both halves of the step, then tokens 8-15. With one tile only the
      // second pair repeats the first, which keeps the addresses inside.
      unsigned b[4];
      const int token =
          first_token + 8 * n + (Shared::kScoreTiles > 1 ? lane / 16 * 8 : 0) + lane % 8;
      load_matrices(b, cache + swizzled<kKey>(token, 2 * k + lane / 8 % 2));
      mma(score[n], a, b[0], b[1], __nv_bfloat16{});
      if constexpr (Shared::kScoreTiles > 1) mma(score[n + 1], a, b[2], b[3], __nv_bfloat16{});
    }
  }
}

/// Running softmax of rows g and g + 8 of a warp.
struct Softmax {
  float largest[2] = {-INFINITY, -INFINITY};  ///< over all tokens so far
  float sum[2] = {0, 0};                      ///< over this lane's tokens
  float shrink[2] = {1, 1};                   ///< by which the last tile made old terms smaller
};

/// Turns scores into weights, in shared memory in bf16. `tokens` of the tile exist for this warp
/// from its first on. Contains two barriers.
template <class Shared>
__device__ void weigh_tile(Shared& shared, float (&score)[Shared::kScoreTiles][4], int first_row,
                           int column, int first_token, int tokens, bool scores, float scale,
                           Softmax& softmax) {
  const int g = threadIdx.x % 32 / 4, c = threadIdx.x % 4;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float largest = -INFINITY;
#pragma unroll
    for (int i = 0; i < 2 * Shared::kScoreTiles; ++i) {
      float& x = score[i / 2][2 * half + i % 2];
      x = scores && i / 2 * 8 + 2 * c + i % 2 < tokens ? x * scale : -INFINITY;
      largest = fmaxf(largest, x);
    }
    largest = row_max(largest);
    if (c == 0) shared.largest[column][first_row + g + 8 * half] = largest;
  }
  __syncthreads();
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = first_row + g + 8 * half;
    float largest = softmax.largest[half];
    for (int w = 0; w < Shared::kColumns; ++w) largest = fmaxf(largest, shared.largest[w][row]);
    softmax.shrink[half] = exp2f(softmax.largest[half] - largest);  // finite: a tile has a token
    softmax.largest[half] = largest;
    softmax.sum[half] *= softmax.shrink[half];
    if (!scores) continue;
#pragma unroll
    for (int i = 0; i < Shared::kScoreTiles; ++i) {
      const float low = exp2f(score[i][2 * half] - largest);
      const float high = exp2f(score[i][2 * half + 1] - largest);
      softmax.sum[half] += low + high;
      *reinterpret_cast<unsigned*>(shared.weight + swizzled<64>(row, first_token / 8 + i) + 2 * c) =
          packed(low, high, __nv_bfloat16{});
    }
  }
  __syncthreads();
}

/// Adds weights times values for the warp's rows and latent dimensions.
template <class Shared>
__device__ void add_tile(const Shared& shared, const __nv_bfloat16* cache, int first_row,
                         int first_dimension, const Softmax& softmax,
                         float (&out)[Shared::kOutputTiles][4]) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < 4 * Shared::kOutputTiles; ++i) out[i / 4][i % 4] *= softmax.shrink[i % 4 / 2];
#pragma unroll
  for (int k = 0; k < Shared::kTokens / 16; ++k) {
    unsigned a[4];
    load_matrices(a, shared.weight + swizzled<64>(first_row + lane % 16, 2 * k + lane / 16));
#pragma unroll
    for (int n = 0; n < Shared::kOutputTiles; n += 2) {
      unsigned b[4];  // tokens 0-7 and 8-15 of dimensions 0-7, then of 8-15
      const int chunk = first_dimension / 8 + n + lane / 16;
      load_matrices_transposed(b, cache + swizzled<kKey>(16 * k + lane % 16, chunk));
      mma(out[n], a, b[0], b[1], __nv_bfloat16{});
      mma(out[n + 1], a, b[2], b[3], __nv_bfloat16{});
    }
  }
}

template <class Shared>
__device__ void write_rows(Shared& shared, const DecodePass& pass, int first_row, int column,
                           Softmax& softmax, const float (&out)[Shared::kOutputTiles][4]) {
  const int g = threadIdx.x % 32 / 4, c = threadIdx.x % 4;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    softmax.sum[half] = row_sum(softmax.sum[half]);
    if (c == 0) shared.sum[column][first_row + g + 8 * half] = softmax.sum[half];
  }
  __syncthreads();
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = first_row + g + 8 * half;
    float total = 0;
    for (int w = 0; w < Shared::kColumns; ++w) total += shared.sum[w][row];
    const std::size_t target =
        static_cast<std::size_t>(blockIdx.z) * pass.heads + blockIdx.y * Shared::kRows + row;
#pragma unroll
    for (int n = 0; n < Shared::kOutputTiles; ++n) {
      const int d = column * (kLatent / Shared::kColumns) + 8 * n + 2 * c;
      const float low = out[n][2 * half] / total, high = out[n][2 * half + 1] / total;
      if (pass.splits == 1)
        *reinterpret_cast<__nv_bfloat162*>(pass.out + target * kLatent + d) =
            __floats2bfloat162_rn(low, high);
      else
        *reinterpret_cast<float2*>(pass.partial + (target * pass.splits + blockIdx.x) * kLatent +
                                   d) = make_float2(low, high);
    }
    if (pass.splits > 1 && column == 0 && c == 0)
      pass.log_sum[target * pass.splits + blockIdx.x] = softmax.largest[half] + log2f(total);
  }
}

/// Grid: splits, heads / rows of a block, batch.
template <int row_groups, int tokens>
__global__ void __launch_bounds__(kBlockThreads) mla_kernel(DecodePass pass, int tiles_of_split) {
  using Shared = Layout<row_groups, tokens>;
  extern __shared__ __align__(128) unsigned char memory[];
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const int warp = threadIdx.x / 32;
  const int column = warp % Shared::kColumns, first_row = warp / Shared::kColumns * 16;
  const int first_token = column * 8 * Shared::kScoreTiles;  // within a tile
  const bool scores = first_token < tokens;  // few tokens leave some warps without a share
  const std::size_t head = blockIdx.y * Shared::kRows;
  const auto* cache = reinterpret_cast<const __nv_bfloat16*>(pass.cache) +
                      static_cast<std::size_t>(blockIdx.z) * pass.context * kKey;
  const int begin = static_cast<int>(blockIdx.x) * tiles_of_split * tokens;
  const int end = min(pass.context, begin + tiles_of_split * tokens);

  copy_rows(shared.query,
            pass.queries + (static_cast<std::size_t>(blockIdx.z) * pass.heads + head) * kKey,
            Shared::kRows, Shared::kRows);
  copy_rows(shared.cache[0], cache + static_cast<std::size_t>(begin) * kKey, tokens, end - begin);
  commit_copies();
  Softmax softmax;
  float out[Shared::kOutputTiles][4] = {};
  int buffer = 0;
  for (int first = begin; first < end; first += tokens, buffer ^= 1) {
    wait_for_copies<0>();
    __syncthreads();  // this tile is there, and everybody is done with the other buffer
    const int next = first + tokens;
    if (next < end) {
      copy_rows(shared.cache[buffer ^ 1], cache + static_cast<std::size_t>(next) * kKey, tokens,
                end - next);
      commit_copies();
    }
    float score[Shared::kScoreTiles][4] = {};
    if (scores) score_tile(shared, shared.cache[buffer], first_row, first_token, score);
    weigh_tile(shared, score, first_row, column, first_token, end - first - first_token, scores,
               pass.score_scale, softmax);
    add_tile(shared, shared.cache[buffer], first_row, column * (kLatent / Shared::kColumns),
             softmax, out);
  }
  write_rows(shared, pass, first_row, column, softmax, out);
}

/// One instance of the kernel and how it is launched.
struct Variant {
  void (*kernel)(DecodePass, int) = nullptr;
  std::size_t rows = 0, tokens = 0, shared_bytes = 0;

  template <int row_groups, int tokens>
  static Variant of() {
    using Shared = Layout<row_groups, tokens>;
    return {mla_kernel<row_groups, tokens>, Shared::kRows, tokens, sizeof(Shared)};
  }
};

class MlaGpu final : public DecodeGpu {
 public:
  MlaGpu() {
    const std::size_t room = gpu_.properties().sharedMemPerBlockOptin;
    few_heads_ = allow(Variant::of<1, 64>(), room, Variant::of<1, 32>());
    many_heads_ = allow(Variant::of<4, 64>(), room, Variant::of<4, 32>());
  }

  std::vector<std::string> kv_dtypes() const override { return {"bf16"}; }

  std::size_t splits(const DecodeShape& shape) const override {
    const Variant& variant = variant_for(shape);
    int per_multiprocessor = 0;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_multiprocessor, variant.kernel,
                                                        kBlockThreads, variant.shared_bytes),
          "cannot query the occupancy (was this built for another GPU?)");
    return choose_splits(
        shape.batch * shape.heads / variant.rows,
        static_cast<std::size_t>(per_multiprocessor * gpu_.properties().multiProcessorCount),
        tiles(shape, variant));
  }

 private:
  /// The larger tile where its memory is allowed.
  static Variant allow(Variant large, std::size_t room, Variant small) {
    const Variant chosen = large.shared_bytes <= room ? large : small;
    check(cudaFuncSetAttribute(chosen.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(chosen.shared_bytes)),
          "cannot get " + std::to_string(chosen.shared_bytes) + " bytes of shared memory");
    return chosen;
  }

  static std::size_t tiles(const DecodeShape& shape, const Variant& variant) {
    return (shape.context + variant.tokens - 1) / variant.tokens;
  }

  const Variant& variant_for(const DecodeShape& shape) const {
    return shape.heads % many_heads_.rows == 0 ? many_heads_ : few_heads_;
  }

  void launch(const DecodeShape& shape, const DecodePass& pass) override {
    const Variant& variant = variant_for(shape);
    if (shape.heads % variant.rows != 0 || shape.value_dim != kLatent || shape.key_dim() != kKey)
      throw std::logic_error("no kernel for this shape");
    const dim3 grid(static_cast<unsigned>(pass.splits),
                    static_cast<unsigned>(shape.heads / variant.rows),
                    static_cast<unsigned>(pass.batch));
    const int tiles_of_split =
        (static_cast<int>(tiles(shape, variant)) + pass.splits - 1) / pass.splits;
    variant.kernel<<<grid, kBlockThreads, variant.shared_bytes, gpu_.stream()>>>(pass,
                                                                                 tiles_of_split);
  }

  Variant few_heads_, many_heads_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<MlaGpu>(argc, argv, run_decode_mla);
}
