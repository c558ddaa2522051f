// Where a matrix of 16-bit numbers keeps its 16-byte chunks in shared memory. Rows that are a
// multiple of 128 bytes long would put the same chunk of eight rows, which is what one fragment
// load reads, into the same banks; so the chunks of a row are permuted within groups of eight by
// the number of the row. Plain arithmetic for host and device.
#pragma once

namespace moesim::kernels {

constexpr int kChunk = 8;  ///< numbers in 16 bytes

/// Index of the first number of chunk `chunk` in row `row` of a matrix of `width` per row.
template <int width>
constexpr int swizzled(int row, int chunk) {
  static_assert(width % (8 * kChunk) == 0, "the permutation stays within eight chunks");
  return row * width + (chunk ^ (row & 7)) * kChunk;
}

}  // namespace moesim::kernels
