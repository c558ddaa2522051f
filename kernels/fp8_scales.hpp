// The scales of fp8 products: what they are and where cublasLt wants each. fp8: one for each
// tensor. fp8_block: one for every 128 numbers of a row of x and one for every 128 x 128 weights,
// as DeepSeek-V3 stores them (https://arxiv.org/abs/2412.19437, section 3.3.2). Random, so that a
// product that takes the wrong one is found. Host code, C++17. Source of the layouts: the checks
// that PyTorch makes before it calls cublasLt (aten/src/ATen/native/cuda/ScaledBlas.cpp,
// is_blockwise_1x128_scaling, is_blockwise_128x128_scaling).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "kernels/random_data.hpp"

namespace moesim::kernels {

constexpr std::size_t kScaleBlock = 128;

constexpr std::size_t scale_blocks(std::size_t size) {
  return (size + kScaleBlock - 1) / kScaleBlock;
}

/// Of block `block` of row `row` of x [m x k]: all rows of a block lie side by side.
constexpr std::size_t x_scale_index(std::size_t row, std::size_t block, std::size_t m) {
  return block * m + row;
}

/// Of weights [n x k]: the blocks of 128 rows lie one behind the other, each begins at a multiple
/// of 16 bytes.
constexpr std::size_t weights_scale_stride(std::size_t k) { return (scale_blocks(k) + 3) / 4 * 4; }
constexpr std::size_t weights_scale_index(std::size_t row, std::size_t block, std::size_t k) {
  return row / kScaleBlock * weights_scale_stride(k) + block;
}

/// Of the numbers of block `block` in row `row`; 1 for a type without scales.
inline float x_scale(const std::string& dtype, std::size_t row, std::size_t block,
                     std::uint64_t seed) {
  if (dtype == "fp8") return 0.75F;
  if (dtype != "fp8_block") return 1;
  return 0.5F * stream_value(row * 65536 + block, seed + 6);
}
inline float weights_scale(const std::string& dtype, std::size_t row, std::size_t block,
                           std::uint64_t seed) {
  if (dtype == "fp8") return 1.25F;
  if (dtype != "fp8_block") return 1;
  return 0.5F * stream_value(row / kScaleBlock * 65536 + block, seed + 7);
}

/// All of x [m x k], as they lie in memory.
inline std::vector<float> x_scales(const std::string& dtype, std::size_t m, std::size_t k,
                                   std::uint64_t seed) {
  if (dtype != "fp8_block") return {x_scale(dtype, 0, 0, seed)};
  std::vector<float> all(m * scale_blocks(k));
  for (std::size_t row = 0; row < m; ++row)
    for (std::size_t block = 0; block < scale_blocks(k); ++block)
      all[x_scale_index(row, block, m)] = x_scale(dtype, row, block, seed);
  return all;
}

/// All of weights [n x k], as they lie in memory; what pads a row of blocks is not a number.
inline std::vector<float> weights_scales(const std::string& dtype, std::size_t n, std::size_t k,
                                         std::uint64_t seed) {
  if (dtype != "fp8_block") return {weights_scale(dtype, 0, 0, seed)};
  std::vector<float> all(scale_blocks(n) * weights_scale_stride(k),
                         std::numeric_limits<float>::quiet_NaN());
  for (std::size_t row = 0; row < n; row += kScaleBlock)
    for (std::size_t block = 0; block < scale_blocks(k); ++block)
      all[weights_scale_index(row, block, k)] = weights_scale(dtype, row, block, seed);
  return all;
}

}  // namespace moesim::kernels
