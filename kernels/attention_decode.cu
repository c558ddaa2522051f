// attention_decode, kind gqa, on one CUDA GPU: split-KV flash decoding. See attention_decode.hpp
// for what it measures and gpu.cuh for how it is timed.
//
// A block takes one part of the context for one key-value head, whose query heads, at most 16, are
// the rows of the tensor cores' tile. Each of its warps takes 16 tokens at a time straight from
// global memory into registers: the order of the summed dimension is free as long as both operands
// agree, so a lane's 16 contiguous bytes serve as its fragments, and shared memory is only needed
// to join the warps at the end.

#include "kernels/decode_gpu.cuh"
#include "kernels/decode_layout.hpp"
#include "kernels/mma.cuh"

namespace moesim::kernels {
namespace {

constexpr int kDim = 128;
constexpr int kWarps = 4;
constexpr int kRows = 16;               ///< query heads of a block
constexpr int kTile = 16 * kWarps;      ///< tokens that a block takes at a time
constexpr int kColumnTiles = kDim / 8;  ///< of the output, one mma each
constexpr int kSteps = kDim / 16;       ///< of the sum over a key, one mma each

/// Keys and values as the tensor cores take them: bf16 as it is, fp8 as fp16, which holds all of
/// it.
struct Bf16Cache {
  using Number = __nv_bfloat16;
  static constexpr int kVector = 8;  ///< numbers in 16 bytes
  static constexpr int kElementBytes = 2;
  /// Pair i (numbers 2i and 2i + 1) of a vector.
  static __device__ unsigned pair(const uint4& vector, int i) {
    return i == 0 ? vector.x : i == 1 ? vector.y : i == 2 ? vector.z : vector.w;
  }
};

struct Fp8Cache {
  using Number = __half;
  static constexpr int kVector = 16;
  static constexpr int kElementBytes = 1;
  static __device__ unsigned pair(const uint4& vector, int i) {
    const unsigned four = Bf16Cache::pair(vector, i / 2);
    const auto two = static_cast<__nv_fp8x2_storage_t>(i % 2 == 0 ? four & 0xffffU : four >> 16);
    const __half2_raw halves = __nv_cvt_fp8x2_to_halfraw2(two, __NV_E4M3);
    return static_cast<unsigned>(halves.x) | static_cast<unsigned>(halves.y) << 16;
  }
};

/// Sixteen tokens of one warp in registers.
template <class Cache>
struct TokenTile {
  static constexpr int kKeyVectors = kDim / (4 * Cache::kVector);
  static constexpr int kValueVectors = kDim / (8 * Cache::kVector);
  uint4 key[2][kKeyVectors];      ///< tokens g and g + 8
  uint4 value[4][kValueVectors];  ///< tokens 2c, 2c + 1, 2c + 8, 2c + 9

  /// Tokens behind the end are read as the last one; their weights are zero.
  __device__ void load(const unsigned char* keys, const unsigned char* values, int first,
                       int context, int g, int c) {
#pragma unroll
    for (int n = 0; n < 2; ++n) {
      const std::size_t row = static_cast<std::size_t>(min(first + 8 * n + g, context - 1)) * kDim;
#pragma unroll
      for (int i = 0; i < kKeyVectors; ++i)
        key[n][i] = __ldg(reinterpret_cast<const uint4*>(
            keys + (row + key_vector<Cache::kVector>(i, c)) * Cache::kElementBytes));
    }
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      const int token = first + 2 * c + n % 2 + n / 2 * 8;
      const std::size_t row = static_cast<std::size_t>(min(token, context - 1)) * kDim;
#pragma unroll
      for (int i = 0; i < kValueVectors; ++i)
        value[n][i] = __ldg(reinterpret_cast<const uint4*>(
            values + (row + value_vector<Cache::kVector>(i, g)) * Cache::kElementBytes));
    }
  }
};

/// Running softmax of rows g and g + 8, and the output before it is divided by the sum. Element
/// [tile][e] belongs to row g + e / 2 * 8; output_dimension() says to which column.
struct Accumulator {
  float largest[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};  ///< of this lane's tokens only, until the end
  float out[kColumnTiles][4] = {};
};

template <class Cache>
__device__ void attend(const unsigned (&query)[kSteps][4], const TokenTile<Cache>& tile, int first,
                       int context, int c, float scale, Accumulator& sums) {
  constexpr int steps = Cache::kVector / 4;
  float score[2][4] = {};
#pragma unroll
  for (int n = 0; n < 2; ++n)
#pragma unroll
    for (int s = 0; s < kSteps; ++s)
      mma(score[n], query[s], Cache::pair(tile.key[n][s / steps], s % steps * 2),
          Cache::pair(tile.key[n][s / steps], s % steps * 2 + 1), typename Cache::Number{});
  float shrink[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float largest = sums.largest[half];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float& x = score[i / 2][2 * half + i % 2];
      x = first + i / 2 * 8 + 2 * c + i % 2 < context ? x * scale : -INFINITY;
      largest = fmaxf(largest, x);
    }
    largest = row_max(largest);  // finite: the first token of a tile exists
    shrink[half] = exp2f(sums.largest[half] - largest);
    sums.largest[half] = largest;
    sums.sum[half] *= shrink[half];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float& x = score[i / 2][2 * half + i % 2];
      x = exp2f(x - largest);
      sums.sum[half] += x;
    }
  }
  unsigned weight[4];
#pragma unroll
  for (int i = 0; i < 4; ++i)
    weight[i] =
        packed(score[i / 2][2 * (i % 2)], score[i / 2][2 * (i % 2) + 1], typename Cache::Number{});
#pragma unroll
  for (int t = 0; t < kColumnTiles; ++t) {
    const int vector = t / Cache::kVector, j = t % Cache::kVector;
    const unsigned selector = j % 2 == 0 ? 0x5410U : 0x7632U;  // lower or upper halves of both
    unsigned b[2];
#pragma unroll
    for (int i = 0; i < 2; ++i)
      b[i] = __byte_perm(Cache::pair(tile.value[2 * i][vector], j / 2),
                         Cache::pair(tile.value[2 * i + 1][vector], j / 2), selector);
#pragma unroll
    for (int e = 0; e < 4; ++e) sums.out[t][e] *= shrink[e / 2];
    mma(sums.out[t], weight, b[0], b[1], typename Cache::Number{});
  }
}

/// Adds up the warps in shared memory, one after the other, and writes the block's rows.
template <class Cache>
__device__ void finish(Accumulator& sums, const DecodePass& pass, int rows, std::size_t first_row) {
  __shared__ float largest[kWarps][kRows], sum[kWarps][kRows];
  __shared__ float out[kRows][kDim];
  const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, c = threadIdx.x % 4;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    sums.sum[half] = row_sum(sums.sum[half]);
    if (c == 0) largest[warp][g + 8 * half] = sums.largest[half];
    if (c == 0) sum[warp][g + 8 * half] = sums.sum[half];
  }
  __syncthreads();
  for (int turn = 0; turn < kWarps; ++turn) {
    if (warp == turn) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = g + 8 * half;
        float overall = largest[0][row];  // finite: the first warp has a token
        for (int w = 1; w < kWarps; ++w) overall = fmaxf(overall, largest[w][row]);
        const float weight = exp2f(sums.largest[half] - overall);
#pragma unroll
        for (int i = 0; i < 2 * kColumnTiles; ++i) {
          float& target = out[row][output_dimension<Cache::kVector>(i / 2, c, i % 2)];
          target = (turn == 0 ? 0 : target) + weight * sums.out[i / 2][2 * half + i % 2];
        }
      }
    }
    __syncthreads();
  }
  const int d = threadIdx.x;  // as many threads as dimensions
  for (int row = 0; row < rows; ++row) {
    float overall = largest[0][row], total = 0;
    for (int w = 1; w < kWarps; ++w) overall = fmaxf(overall, largest[w][row]);
    for (int w = 0; w < kWarps; ++w) total += sum[w][row] * exp2f(largest[w][row] - overall);
    const float value = out[row][d] / total * pass.value_scale;
    const std::size_t target = first_row + row;
    if (pass.splits == 1) {
      pass.out[target * kDim + d] = __float2bfloat16(value);
      continue;
    }
    pass.partial[(target * pass.splits + blockIdx.x) * kDim + d] = value;
    if (d == 0) pass.log_sum[target * pass.splits + blockIdx.x] = overall + log2f(total);
  }
}

/// Grid: splits, kv_heads, batch.
template <class Cache>
__global__ void __launch_bounds__(32 * kWarps) decode_kernel(DecodePass pass, int tiles_of_split) {
  static_assert(32 * kWarps == kDim, "finish() gives each thread a dimension");
  const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, c = threadIdx.x % 4;
  const int group = pass.heads / pass.kv_heads;
  const std::size_t part = static_cast<std::size_t>(blockIdx.z) * pass.kv_heads + blockIdx.y;
  const std::size_t parts = static_cast<std::size_t>(pass.batch) * pass.kv_heads;
  const std::size_t part_bytes =
      static_cast<std::size_t>(pass.context) * kDim * Cache::kElementBytes;
  const unsigned char* keys = pass.cache + part * part_bytes;
  const unsigned char* values = keys + parts * part_bytes;

  unsigned query[kSteps][4];
#pragma unroll
  for (int s = 0; s < kSteps; ++s)
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = g + i % 2 * 8;
      const __nv_bfloat16* q = pass.queries + (part * group + row) * kDim +
                               key_dimension<Cache::kVector>(s, c) + i / 2 * 2;
      query[s][i] = row < group ? packed(__bfloat162float(q[0]), __bfloat162float(q[1]),
                                         typename Cache::Number{})
                                : 0U;
    }

  Accumulator sums;
  const int end = min(pass.context, (static_cast<int>(blockIdx.x) + 1) * tiles_of_split * kTile);
  for (int first = static_cast<int>(blockIdx.x) * tiles_of_split * kTile + 16 * warp; first < end;
       first += kTile) {
    TokenTile<Cache> tile;
    tile.load(keys, values, first, pass.context, g, c);
    attend<Cache>(query, tile, first, pass.context, c, pass.score_scale, sums);
  }
  finish<Cache>(sums, pass, group, part * group);
}

class GqaGpu final : public DecodeGpu {
 public:
  /// The tensor cores of compute capability 8.0 come without a conversion from fp8.
  std::vector<std::string> kv_dtypes() const override {
    const cudaDeviceProp& p = gpu_.properties();
    if (10 * p.major + p.minor >= 89) return {"bf16", "fp8"};
    return {"bf16"};
  }

  std::size_t splits(const DecodeShape& shape) const override {
    return choose_splits(shape.batch * shape.kv_heads,
                         shape.kv_dtype == "fp8" ? resident(decode_kernel<Fp8Cache>)
                                                 : resident(decode_kernel<Bf16Cache>),
                         tiles(shape));
  }

 private:
  static std::size_t tiles(const DecodeShape& shape) { return (shape.context + kTile - 1) / kTile; }

  template <class Kernel>
  std::size_t resident(Kernel kernel) const {
    int per_multiprocessor = 0;
    check(
        cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_multiprocessor, kernel, 32 * kWarps, 0),
        "cannot query the occupancy (was this built for another GPU?)");
    return static_cast<std::size_t>(per_multiprocessor * gpu_.properties().multiProcessorCount);
  }

  void launch(const DecodeShape& shape, const DecodePass& pass) override {
    if (shape.heads > kRows * shape.kv_heads || shape.value_dim != kDim)
      throw std::logic_error("no kernel for this shape");
    const dim3 grid(static_cast<unsigned>(pass.splits), static_cast<unsigned>(pass.kv_heads),
                    static_cast<unsigned>(pass.batch));
    const int tiles_of_split = (static_cast<int>(tiles(shape)) + pass.splits - 1) / pass.splits;
    if (shape.kv_dtype == "fp8")
      decode_kernel<Fp8Cache><<<grid, 32 * kWarps, 0, gpu_.stream()>>>(pass, tiles_of_split);
    else
      decode_kernel<Bf16Cache><<<grid, 32 * kWarps, 0, gpu_.stream()>>>(pass, tiles_of_split);
  }
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<GqaGpu>(argc, argv, run_decode_gqa);
}
