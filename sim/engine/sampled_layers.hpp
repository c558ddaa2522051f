// The choices that the MoE layers of a run draw their batches from, sampled once per process: runs
// of one model under one routing configuration and seed (replicas, pools of a disaggregated system,
// points of a sweep) share them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/routing/choice_pool.hpp"
#include "sim/routing/choice_source.hpp"

namespace moesim {

struct SampledLayers {
  std::vector<ChoicePool> pools;  ///< [MoE layers]
  std::vector<Choices> samples;   ///< [MoE layers] that the pools were made from
};

/// What was sampled under `key` before, else what `sample` gives now. The key names everything the
/// sample depends on; empty: not shared. The last few are kept (DeepSeek-R1: 35 MB).
std::shared_ptr<const SampledLayers> sampled_layers(const std::string& key,
                                                    const std::function<SampledLayers()>& sample);

}  // namespace moesim
