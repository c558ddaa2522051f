// DeepSeek's expert-parallel load balancer: which experts get redundant replicas and on which GPU
// every replica stands. Hierarchical (expert groups packed to nodes, replicas inside a node) where
// the groups divide over the nodes, else global. Index for index what eplb.py of
// github.com/deepseek-ai/EPLB returns; ties go to the lower index.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace moesim {

/// Replicas [replicas] as expert ids, GPU after GPU, each with replicas / gpus of them. `weights`
/// [experts]; replicas must divide over the GPUs, GPUs over the nodes.
std::vector<std::int32_t> eplb_replicas(std::span<const double> weights, std::int64_t replicas,
                                        std::int64_t groups, std::int64_t nodes, std::int64_t gpus);

/// Items in order of falling weight, each to the lightest of `packs` packs that still has room for
/// one of its n / packs items. Pack and place in it of every item.
struct Packing {
  std::vector<std::int32_t> pack, rank_in_pack;
};
Packing balanced_packing(std::span<const double> weights, std::int64_t packs);

}  // namespace moesim
