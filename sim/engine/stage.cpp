// make_stage(): which GPUs, groups and exchange a pipeline stage of a lockstep group has.
#include <algorithm>

#include "sim/engine/step_builder.hpp"

namespace moesim {

LockstepStage make_stage(const EngineParts& parts, std::int64_t group, std::int64_t stage) {
  const auto& layout = parts.layout;
  const auto& d = layout.degrees();
  LockstepStage s;
  s.first_layer = layout.stage_layers()[static_cast<std::size_t>(stage)];
  s.last_layer = layout.stage_layers()[static_cast<std::size_t>(stage) + 1];
  const auto& layers = parts.model.layers;
  const auto is_moe = [](const Layer& layer) { return layer.moe; };
  s.first_moe = std::count_if(layers.begin(), layers.begin() + s.first_layer, is_moe);
  const auto moe_here =
      std::count_if(layers.begin() + s.first_layer, layers.begin() + s.last_layer, is_moe);
  for (auto layer = layers.begin() + s.first_layer; layer != layers.begin() + s.last_layer;
       ++layer) {
    (layer->moe ? s.has_moe : s.has_dense) = true;
    if (std::ranges::find(s.windows, layer->window) == s.windows.end())
      s.windows.push_back(layer->window);
  }
  if (parts.drawn_layers > 0)
    s.alike = alike_layers(parts.model, s.first_layer, s.last_layer, parts.drawn_layers);

  std::vector<int> members;
  for (std::int64_t i = 0; i < layout.data_per_group(); ++i) {
    const auto data = group * layout.data_per_group() + i;
    std::vector<int> gpus;
    for (std::int64_t t = 0; t < d.tensor; ++t) gpus.push_back(layout.gpu(stage, data, t));
    members.insert(members.end(), gpus.begin(), gpus.end());
    s.first_gpu.push_back(gpus.front());
    if (stage + 1 < d.pipeline) s.next_gpu.push_back(layout.gpu(stage + 1, data, 0));
    s.tensor_groups.emplace_back(parts.network, std::move(gpus));
  }
  s.scratch = std::make_unique<Transfer>(parts.network);
  s.collective = std::make_unique<Transfer>(parts.network);
  s.scratch->listed = s.collective->listed = parts.transport.fidelity == Fidelity::pairwise;
  if (!layout.exchanges()) return s;

  s.expert_group = std::make_unique<Group>(parts.network, members);
  s.exchange = parts.transport.dispatch.make({parts.network, *s.expert_group});
  s.rank_probability.resize(static_cast<std::size_t>(moe_here));
  s.node_probability.resize(static_cast<std::size_t>(moe_here));
  update_probabilities(parts, s);
  return s;
}

std::unique_ptr<StageFlows> stage_flows(const EngineParts& parts, const LockstepStage& stage) {
  auto flows = std::make_unique<StageFlows>(parts.network);
  if (stage.exchange) stage.exchange->flows(flows->exchange);
  for (const auto& group : stage.tensor_groups) gather_flows(parts.network, group, flows->tensor);
  if (stage.next_gpu.empty()) return flows;
  for (std::size_t r = 0; r < stage.first_gpu.size(); ++r)
    for (int t = 0; t < stage.tensor_groups[r].size(); ++t)
      send_recv(parts.network, stage.first_gpu[r] + t, stage.next_gpu[r] + t, 1, flows->pipeline);
  return flows;
}

void update_probabilities(const EngineParts& parts, LockstepStage& stage) {
  if (!stage.exchange || parts.layout.gathers_tokens()) return;  // tokens go everywhere
  std::vector<int> own(static_cast<std::size_t>(stage.expert_group->size()));
  for (std::size_t i = 0; i < own.size(); ++i) own[i] = static_cast<int>(i);
  const auto nodes = node_index(parts.network, *stage.expert_group);
  const auto moe_here = stage.rank_probability.size();
  for (std::size_t i = 0; i < moe_here; ++i) {
    const auto layer = stage.first_moe + static_cast<std::int64_t>(i);
    stage.rank_probability[i] = parts.moe.part_probability(layer, own, stage.expert_group->size());
    stage.node_probability[i] =
        parts.moe.part_probability(layer, nodes, stage.expert_group->nodes());
  }
}

}  // namespace moesim
