// The decode pool's part of a running simulation. Internal to Serving.
#pragma once

#include "sim/serving/serving.hpp"

namespace moesim {

struct Serving::Decoding {
  std::vector<LockstepExecutor> executors;
  std::vector<double> shared;           ///< [links of the decode pool's network] flows per share
  std::vector<double> flows_per_share;  ///< [links of the run]
};

}  // namespace moesim
