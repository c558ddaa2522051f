// The index arithmetic of the CUDA kernels, checked where there is no GPU: every number is read and
// written once, and both operands of a product agree on what they sum over.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <set>
#include <vector>

#include "kernels/decode_layout.hpp"
#include "kernels/fp8_scales.hpp"
#include "kernels/row_tiles.hpp"
#include "kernels/swizzle.hpp"

namespace moesim::kernels {
namespace {

constexpr int kHead = 128;

template <int vector>
void expect_queries_and_keys_agree() {
  std::multiset<int> summed;
  for (int s = 0; s < kHead / 16; ++s)
    for (int c = 0; c < 4; ++c)
      for (int i = 0; i < 4; ++i) {  // position i of a lane's four in the fragment
        const int query = key_dimension<vector>(s, c) + i;
        const int key = key_vector<vector>(s / (vector / 4), c) + s % (vector / 4) * 4 + i;
        EXPECT_EQ(query, key) << "step " << s << ", lane column " << c;
        summed.insert(query);
      }
  EXPECT_EQ(summed.size(), std::size_t{kHead});
  EXPECT_EQ(std::set<int>(summed.begin(), summed.end()).size(), std::size_t{kHead});
  EXPECT_EQ(*summed.rbegin(), kHead - 1);
}

template <int vector>
void expect_every_output_once() {
  std::set<int> written;
  for (int tile = 0; tile < kHead / 8; ++tile)
    for (int c = 0; c < 4; ++c)
      for (int e = 0; e < 2; ++e) {
        const int dimension = output_dimension<vector>(tile, c, e);
        EXPECT_TRUE(written.insert(dimension).second) << dimension;
        // Column 2c + e of a tile is what the lanes of that row loaded.
        const int begin = value_vector<vector>(tile / vector, 2 * c + e);
        EXPECT_GE(dimension, begin);
        EXPECT_LT(dimension, begin + vector);
      }
  EXPECT_EQ(written.size(), std::size_t{kHead});
  EXPECT_EQ(*written.rbegin(), kHead - 1);
}

TEST(DecodeLayout, QueriesAndKeysAgreeOnTheOrderOfTheSum) {
  expect_queries_and_keys_agree<8>();
  expect_queries_and_keys_agree<16>();
}

TEST(DecodeLayout, EveryOutputIsWrittenOnce) {
  expect_every_output_once<8>();
  expect_every_output_once<16>();
}

template <int width>
void expect_no_bank_conflicts() {
  std::set<int> places;
  for (int row = 0; row < 64; ++row)
    for (int chunk = 0; chunk < width / kChunk; ++chunk) {
      const int place = swizzled<width>(row, chunk);
      EXPECT_EQ(place % kChunk, 0);
      EXPECT_GE(place, row * width);
      EXPECT_LT(place, (row + 1) * width);
      EXPECT_TRUE(places.insert(place).second);
    }
  // One of the matrices of ldmatrix is eight rows of one chunk: 128 bytes over all 32 banks.
  for (int first = 0; first < 64; first += 8)
    for (int chunk = 0; chunk < width / kChunk; ++chunk) {
      std::set<int> banks;
      for (int row = first; row < first + 8; ++row)
        banks.insert(swizzled<width>(row, chunk) * 2 / 16 % 8);
      EXPECT_EQ(banks.size(), 8U) << "width " << width << ", chunk " << chunk;
    }
}

TEST(SwizzledRows, KeepEveryChunkAndSpreadOverTheBanks) {
  expect_no_bank_conflicts<64>();
  expect_no_bank_conflicts<128>();
  expect_no_bank_conflicts<576>();
}

TEST(RowTiles, ALaunchHasABlockForEveryTileHoweverUnevenTheExpertsAre) {
  const std::vector<std::vector<int>> cases = {
      {0}, {1}, {16, 0, 17}, {1, 1, 1, 1}, {129, 0, 0, 127}, {4096, 1, 1, 1}};
  for (const int tile_rows : {16, 64, 128})
    for (const auto& counts : cases) {
      std::size_t needed = 0, rows = 0;
      for (const int count : counts) {
        needed += static_cast<std::size_t>(tiles_of(count, tile_rows));
        rows += static_cast<std::size_t>(count);
      }
      const std::size_t most = most_row_tiles(rows, counts.size(), tile_rows);
      EXPECT_LE(needed, most) << tile_rows;
      EXPECT_LE(most, needed + counts.size()) << "blocks that have nothing to do cost time";
    }
}

TEST(Fp8Scales, LieWhereTheLibraryLooksForThem) {
  // x: all rows of a block side by side. Weights: blocks of a row side by side, padded to four.
  EXPECT_EQ(x_scale_index(3, 2, 48), 2U * 48 + 3);
  EXPECT_EQ(weights_scale_index(127, 5, 768), 5U);
  EXPECT_EQ(weights_scale_index(128, 0, 768), 8U) << "six blocks of k, padded to eight";
  const auto x = x_scales("fp8_block", 48, 512, 3);
  ASSERT_EQ(x.size(), 48U * 4);
  EXPECT_EQ(x[x_scale_index(47, 3, 48)], x_scale("fp8_block", 47, 3, 3));
  const auto weights = weights_scales("fp8_block", 256, 768, 3);
  ASSERT_EQ(weights.size(), 2U * 8);
  EXPECT_EQ(weights[weights_scale_index(255, 5, 768)], weights_scale("fp8_block", 200, 5, 3));
  EXPECT_TRUE(std::isnan(weights[6])) << "padding that somebody reads must show";
}

TEST(Fp8Scales, DifferFromBlockToBlock) {
  std::set<float> seen;
  for (std::size_t row = 0; row < 64; ++row)
    for (std::size_t block = 0; block < 8; ++block)
      seen.insert(x_scale("fp8_block", row, block, 1));
  EXPECT_GT(seen.size(), 500U);
  EXPECT_EQ(x_scales("fp8", 48, 512, 3).size(), 1U);
  EXPECT_EQ(x_scale("bf16", 4, 2, 1), 1.0F);
}

}  // namespace
}  // namespace moesim::kernels
