// How the rows of experts are cut into tiles of the own grouped product (grouped_tiles.cuh). Plain
// arithmetic for host and device: a launch must have a block for every tile without knowing the
// counts, which never reach the host.
#pragma once

#include <algorithm>
#include <cstddef>

namespace moesim::kernels {

constexpr int tiles_of(int rows, int tile_rows) { return (rows + tile_rows - 1) / tile_rows; }

/// Tiles that `rows` rows need at most, however they fall on the experts: each expert that has rows
/// ends in a tile that may be nearly empty.
constexpr std::size_t most_row_tiles(std::size_t rows, std::size_t experts, int tile_rows) {
  return rows / static_cast<std::size_t>(tile_rows) + std::min(rows, experts);
}

}  // namespace moesim::kernels
