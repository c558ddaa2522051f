// The decode pool's part of a running simulation. Internal to Serving.
#pragma once

#include "sim/serving/serving.hpp"

namespace moesim {

struct Serving::Decoding {
  std::vector<LockstepExecutor> executors;
  std::vector<char> shared;  ///< [links of the decode pool's network]
};

}  // namespace moesim
