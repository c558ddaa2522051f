// What a routing policy changes for the cost models besides which experts get which tokens. The
// neutral value is that of plain top-k. Shares are of the tokens of a batch, in expectation.
#pragma once

#include <cstdint>

namespace moesim {

struct LayerEffect {
  std::int64_t rounds = 1;       ///< serial dispatch, experts, combine (chain of experts)
  double layer_share = 1;        ///< tokens that execute the layer, attention included
  double repeat_share = 0;       ///< tokens that execute it once more
  double expert_share = 1;       ///< tokens of the layer that reach the routed experts
  double small_share = 0;        ///< tokens of the layer that take a small feed-forward instead ...
  double small_width = 0;        ///< ... of this share of an expert's intermediate size
  double expert_passes = 1;      ///< times an expert's matrices are applied to its tokens
  std::int64_t pool_layers = 1;  ///< layers that share one pool of experts
  double resident_share = 1;     ///< experts that are held in memory
  double pause_every_tokens = 0;  ///< generated tokens of a sequence between two pauses; 0: none
  double pause_passes = 0;        ///< forward passes over the context that a pause takes
  bool neutral() const {
    return rounds == 1 && layer_share == 1 && repeat_share == 0 && expert_share == 1 &&
           small_share == 0 && expert_passes == 1;
  }
};

}  // namespace moesim
