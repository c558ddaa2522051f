// The own grouped product: y rows of expert e = x rows of e * weights_e^T for all experts in one
// launch, bf16 in and out, fp32 sums on tensor cores (wmma), on sm_80 and newer. Rows are sorted by
// expert; a schedule made on the device from the experts' offsets says which tile of rows is whose,
// so the counts need never reach the host. A pipeline of asynchronous copies feeds the tiles.
//
// A calibration instrument, not a library: mma.sync instead of wgmma costs up to half of Hopper's
// peak on large tiles. Needs widths that are multiples of 128.
#pragma once

#include <mma.h>

#include <cstddef>
#include <stdexcept>
#include <string>

#include "kernels/block_scan.cuh"
#include "kernels/gpu_memory.cuh"
#include "kernels/mma.cuh"
#include "kernels/row_tiles.hpp"

namespace moesim::kernels {

struct RowTile {
  int expert;
  int first;  ///< row
};

constexpr unsigned kMostExperts = 1024;

/// One block: tiles of `tile_rows` rows for every expert that has rows, in the order of experts.
__global__ void __launch_bounds__(kMostExperts)
    schedule_kernel(const int* offsets, int experts, int tile_rows, RowTile* tiles, int* count) {
  __shared__ int before[kMostExperts];
  const int e = static_cast<int>(threadIdx.x);
  const int first = e < experts ? offsets[e] : 0;
  const int rows = e < experts ? offsets[e + 1] - first : 0;
  const int mine = tiles_of(rows, tile_rows);
  const int until = block_scan(before, mine);
  const int begin = until - mine;
  for (int i = 0; i < mine; ++i) tiles[begin + i] = {e, first + i * tile_rows};
  if (e == static_cast<int>(blockDim.x) - 1) *count = until;
}

/// Rows x columns of a block's tile, depth and number of the pipeline's stages, and how warps share
/// the tile.
template <int kRowsT, int kColumnsT, int kDepthT, int kStagesT, int kWarpRowsT, int kWarpColumnsT>
struct TileShape {
  static constexpr int kRows = kRowsT, kColumns = kColumnsT, kDepth = kDepthT, kStages = kStagesT;
  static constexpr int kWarpRows = kWarpRowsT, kWarpColumns = kWarpColumnsT;
  static constexpr int kBlockThreads = 32 * kWarpRows * kWarpColumns;
  static constexpr int kPitch = kDepth + 8;  ///< elements; keeps rows on different banks
  static constexpr int kStageElements = (kRows + kColumns) * kPitch;
  static constexpr std::size_t kSharedBytes = sizeof(Bf16) * kStageElements * kStages;
  static constexpr int kFragmentRows = kRows / kWarpRows / 16;
  static constexpr int kFragmentColumns = kColumns / kWarpColumns / 16;
  static_assert(kFragmentRows > 0 && kFragmentColumns > 0, "a warp needs a fragment");
  static_assert(kSharedBytes >= sizeof(float) * 256 * kWarpRows * kWarpColumns, "epilogue");
};

using FewRows = TileShape<16, 32, 128, 4, 1, 2>;  // weights stream through many small blocks
using MediumRows = TileShape<64, 128, 32, 4, 2, 4>;
using ManyRows = TileShape<128, 128, 32, 4, 2, 4>;

/// One stage of x and weights, `depth` columns on from the beginning of their rows.
template <class Shape>
__device__ void load_stage(Bf16* stage, const Bf16* x, const Bf16* weights, int valid_rows,
                           int width, int depth) {
  constexpr int chunks = Shape::kDepth / 8;
  for (int i = static_cast<int>(threadIdx.x); i < (Shape::kRows + Shape::kColumns) * chunks;
       i += Shape::kBlockThreads) {
    const int row = i / chunks, column = i % chunks * 8;
    const bool is_x = row < Shape::kRows;
    const bool valid = !is_x || row < valid_rows;
    const Bf16* matrix = is_x ? x : weights;
    const int source = is_x ? (valid ? row : 0) : row - Shape::kRows;
    copy_async(stage + row * Shape::kPitch + column,
               matrix + static_cast<std::size_t>(source) * width + depth + column, valid);
  }
}

/// y [rows x columns] = x [rows x width] * weights[expert] [columns x width]^T for the tile of rows
/// that blockIdx.y names and the tile of columns that blockIdx.x names.
template <class Shape>
__global__ void __launch_bounds__(Shape::kBlockThreads)
    grouped_kernel(const Bf16* x, const Bf16* const* weights, std::size_t weights_offset,
                   const int* offsets, const RowTile* tiles, const int* tile_count, int columns,
                   int width, Bf16* y) {
  namespace wmma = nvcuda::wmma;
  if (static_cast<int>(blockIdx.y) >= *tile_count) return;
  extern __shared__ __align__(128) unsigned char shared[];
  Bf16* const stages = reinterpret_cast<Bf16*>(shared);
  const RowTile tile = tiles[blockIdx.y];
  const int valid_rows = min(Shape::kRows, offsets[tile.expert + 1] - tile.first);
  const int first_column = static_cast<int>(blockIdx.x) * Shape::kColumns;
  const Bf16* const x_tile = x + static_cast<std::size_t>(tile.first) * width;
  const Bf16* const weights_tile =
      weights[tile.expert] + weights_offset + static_cast<std::size_t>(first_column) * width;
  const int steps = width / Shape::kDepth;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int warp_row = warp / Shape::kWarpColumns * Shape::kFragmentRows * 16;
  const int warp_column = warp % Shape::kWarpColumns * Shape::kFragmentColumns * 16;

  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sums[Shape::kFragmentRows]
                                                           [Shape::kFragmentColumns];
  for (auto& row : sums)
    for (auto& sum : row) wmma::fill_fragment(sum, 0.0F);

  for (int step = 0; step < Shape::kStages - 1; ++step) {
    if (step < steps)
      load_stage<Shape>(stages + step * Shape::kStageElements, x_tile, weights_tile, valid_rows,
                        width, step * Shape::kDepth);
    commit_copies();
  }
  for (int step = 0; step < steps; ++step) {
    wait_for_copies<Shape::kStages - 2>();
    __syncthreads();  // the stage is there for all, and nobody reads the one that comes next
    const int next = step + Shape::kStages - 1;
    if (next < steps)
      load_stage<Shape>(stages + next % Shape::kStages * Shape::kStageElements, x_tile,
                        weights_tile, valid_rows, width, next * Shape::kDepth);
    commit_copies();
    const Bf16* const a = stages + step % Shape::kStages * Shape::kStageElements;
    const Bf16* const b = a + Shape::kRows * Shape::kPitch;
#pragma unroll
    for (int k = 0; k < Shape::kDepth; k += 16) {
      wmma::fragment<wmma::matrix_a, 16, 16, 16, Bf16, wmma::row_major> rows[Shape::kFragmentRows];
      wmma::fragment<wmma::matrix_b, 16, 16, 16, Bf16, wmma::col_major>
          cols[Shape::kFragmentColumns];
#pragma unroll
      for (int i = 0; i < Shape::kFragmentRows; ++i)
        wmma::load_matrix_sync(rows[i], a + (warp_row + 16 * i) * Shape::kPitch + k, Shape::kPitch);
#pragma unroll
      for (int j = 0; j < Shape::kFragmentColumns; ++j)
        wmma::load_matrix_sync(cols[j], b + (warp_column + 16 * j) * Shape::kPitch + k,
                               Shape::kPitch);
#pragma unroll
      for (int i = 0; i < Shape::kFragmentRows; ++i)
#pragma unroll
        for (int j = 0; j < Shape::kFragmentColumns; ++j)
          wmma::mma_sync(sums[i][j], rows[i], cols[j], sums[i][j]);
    }
  }

  wait_for_copies<0>();
  __syncthreads();  // the stages become room for the sums, 16 x 16 floats for each warp
  float* const patch = reinterpret_cast<float*>(shared) + warp * 256;
  const int patch_row = lane / 2, patch_column = lane % 2 * 8;
#pragma unroll
  for (int i = 0; i < Shape::kFragmentRows; ++i)
#pragma unroll
    for (int j = 0; j < Shape::kFragmentColumns; ++j) {
      wmma::store_matrix_sync(patch, sums[i][j], 16, wmma::mem_row_major);
      __syncwarp();
      const int row = warp_row + 16 * i + patch_row;
      if (row < valid_rows) {
        __align__(16) Bf16 values[8];
        for (int c = 0; c < 8; ++c)
          values[c] = __float2bfloat16(patch[patch_row * 16 + patch_column + c]);
        *reinterpret_cast<uint4*>(y + static_cast<std::size_t>(tile.first + row) * columns +
                                  first_column + warp_column + 16 * j + patch_column) =
            *reinterpret_cast<const uint4*>(values);
      }
      __syncwarp();
    }
}

/// act [rows x n] = silu(gate) * up, of gate_up [rows x 2n] with gate first; n a multiple of 8.
template <class Out>
__global__ void silu_mul_kernel(const Bf16* gate_up, std::size_t rows, int n, Out* act) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  const std::size_t chunks = static_cast<std::size_t>(n) / 8;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < rows * chunks; i += stride) {
    const std::size_t row = i / chunks, column = i % chunks * 8;
    const Bf16* const from = gate_up + row * 2 * n + column;
    const uint4 gates = *reinterpret_cast<const uint4*>(from);
    const uint4 ups = *reinterpret_cast<const uint4*>(from + n);
    const auto* gate = reinterpret_cast<const Bf16*>(&gates);
    const auto* up = reinterpret_cast<const Bf16*>(&ups);
    struct __align__(8 * sizeof(Out)) Eight {
      Out values[8];
    }
    out;
    for (int c = 0; c < 8; ++c) {
      const float g = __bfloat162float(gate[c]);
      out.values[c] = to_stored<Out>(g / (1.0F + __expf(-g)) * __bfloat162float(up[c]));
    }
    *reinterpret_cast<Eight*>(act + row * n + column) = out;
  }
}

template <class Out>
void launch_silu_mul(const Gpu& gpu, const Bf16* gate_up, std::size_t rows, std::size_t n,
                     Out* act) {
  silu_mul_kernel<Out>
      <<<gpu.blocks(silu_mul_kernel<Out>, rows * n / 8), kThreads, 0, gpu.stream()>>>(
          gate_up, rows, static_cast<int>(n), act);
  check(cudaGetLastError(), "cannot launch silu_mul");
}

/// The own grouped products of one MoE layer, for `rows` rows in all. What a pass needs beside its
/// inputs is allocated here, before any capture.
class GroupedTiles {
 public:
  explicit GroupedTiles(const Gpu& gpu) : gpu_(&gpu) {
    admit<FewRows>();
    admit<MediumRows>();
    admit<ManyRows>();
    count_ = allocate<int>(1);
  }

  /// The tile follows from the mean number of rows of the experts, because a layer does not know
  /// more when it launches.
  void prepare(std::size_t rows, std::size_t experts, std::size_t hidden,
               std::size_t intermediate) {
    if (experts > kMostExperts) throw std::logic_error("more experts than a schedule can hold");
    if (hidden % 128 != 0 || intermediate % 128 != 0)
      throw std::logic_error("widths have to be multiples of 128");
    rows_ = rows;
    experts_ = experts;
    hidden_ = hidden;
    intermediate_ = intermediate;
    const std::size_t mean = rows / experts;
    tile_rows_ = mean <= 16 ? FewRows::kRows : mean <= 64 ? MediumRows::kRows : ManyRows::kRows;
    most_tiles_ = most_row_tiles(rows, experts, tile_rows_);
    if (most_tiles_ > 65535) throw std::logic_error("more tiles than a grid can hold");
    tiles_.reserve(most_tiles_);
    gate_up_.reserve(rows * 2 * intermediate);
    act_.reserve(rows * intermediate);
  }

  Bf16* gate_up() const { return gate_up_.get(); }
  Bf16* act() const { return act_.get(); }

  void schedule(const int* offsets) const {
    schedule_kernel<<<1, kMostExperts, 0, gpu_->stream()>>>(offsets, static_cast<int>(experts_),
                                                            tile_rows_, tiles_.get(), count_.get());
    check(cudaGetLastError(), "cannot launch the schedule");
  }

  /// `experts` points to the weights of every expert, laid out as MoeShape says.
  void gate_up_pass(const Bf16* x, const Bf16* const* experts, const int* offsets) const {
    product(x, experts, 0, offsets, 2 * intermediate_, hidden_, gate_up_.get());
  }
  void silu_mul_pass() const {
    launch_silu_mul(*gpu_, gate_up_.get(), rows_, intermediate_, act_.get());
  }
  void down_pass(const Bf16* act, const Bf16* const* experts, const int* offsets, Bf16* y) const {
    product(act, experts, 2 * hidden_ * intermediate_, offsets, hidden_, intermediate_, y);
  }

  /// schedule, gate_up, silu-mul, down.
  void ffn(const Bf16* x, const Bf16* const* experts, const int* offsets, Bf16* y) const {
    schedule(offsets);
    gate_up_pass(x, experts, offsets);
    silu_mul_pass();
    down_pass(act_.get(), experts, offsets, y);
  }

 private:
  template <class Shape>
  void admit() const {
    check(cudaFuncSetAttribute(grouped_kernel<Shape>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(Shape::kSharedBytes)),
          "cannot reserve the shared memory of a tile");
  }

  void product(const Bf16* x, const Bf16* const* experts, std::size_t weights_offset,
               const int* offsets, std::size_t columns, std::size_t width, Bf16* y) const {
    if (tile_rows_ == FewRows::kRows)
      launch<FewRows>(x, experts, weights_offset, offsets, columns, width, y);
    else if (tile_rows_ == MediumRows::kRows)
      launch<MediumRows>(x, experts, weights_offset, offsets, columns, width, y);
    else
      launch<ManyRows>(x, experts, weights_offset, offsets, columns, width, y);
  }

  template <class Shape>
  void launch(const Bf16* x, const Bf16* const* experts, std::size_t weights_offset,
              const int* offsets, std::size_t columns, std::size_t width, Bf16* y) const {
    const dim3 grid(static_cast<unsigned>(columns / Shape::kColumns),
                    static_cast<unsigned>(most_tiles_));
    grouped_kernel<Shape><<<grid, Shape::kBlockThreads, Shape::kSharedBytes, gpu_->stream()>>>(
        x, experts, weights_offset, offsets, tiles_.get(), count_.get(), static_cast<int>(columns),
        static_cast<int>(width), y);
    check(cudaGetLastError(), "cannot launch the grouped product");
  }

  const Gpu* gpu_;
  std::size_t rows_ = 0, experts_ = 0, hidden_ = 0, intermediate_ = 0, most_tiles_ = 0;
  int tile_rows_ = 0;
  GrowingArray<RowTile> tiles_;
  DeviceArray<int> count_;
  GrowingArray<Bf16> gate_up_, act_;
};

}  // namespace moesim::kernels
