// Which number of a head each lane holds in the decode attention kernel (attention_decode.cu),
// whose order of the summed dimension is free as long as queries and keys agree. Plain arithmetic
// for host and device, so that a test can check it without a GPU. `vector` is how many numbers 16
// bytes of the cache hold: 8 in bf16, 16 in fp8. Lanes are g = lane / 4 and c = lane % 4.
#pragma once

namespace moesim::kernels {

/// The first of the four dimensions that lane column `c` holds in step `s` of the sum: two of them
/// are the columns 2c and 2c + 1 of the fragment, two are 2c + 8 and 2c + 9.
template <int vector>
constexpr int key_dimension(int s, int c) {
  constexpr int steps = vector / 4;  // that one vector serves
  return s / steps * 4 * vector + c * vector + s % steps * 4;
}

/// Vector `i` of a key that lane column `c` loads begins at this dimension.
template <int vector>
constexpr int key_vector(int i, int c) {
  return (4 * i + c) * vector;
}

/// Vector `i` of a value that lane row `g` loads begins at this dimension.
template <int vector>
constexpr int value_vector(int i, int g) {
  return (8 * i + g) * vector;
}

/// The dimension of element `e` (0, 1: column 2c and 2c + 1) of output tile `tile`, whose column g
/// is number tile % vector of the vector that lane row g loaded.
template <int vector>
constexpr int output_dimension(int tile, int c, int e) {
  return value_vector<vector>(tile / vector, 2 * c + e % 2) + tile % vector;
}

}  // namespace moesim::kernels
