// Steps that compute some layers in place of all: layers of a kind differ by what their tokens
// choose, so one drawn anew in every step stands for its neighbours.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "sim/core/random.hpp"
#include "sim/engine/step_builder.hpp"

namespace moesim {

std::vector<std::vector<ModelLayer>> alike_layers(const Architecture& model, std::int64_t first,
                                                  std::int64_t last, std::int64_t drawn) {
  std::map<std::pair<bool, std::int64_t>, std::vector<ModelLayer>> kinds;  // MoE, window
  std::vector<std::vector<ModelLayer>> groups;
  std::int64_t moe_layer = 0, others = 0;
  std::vector<ModelLayer> first_moe;
  for (std::int64_t i = 0; i < last; ++i) {
    const auto& layer = model.layers[static_cast<std::size_t>(i)];
    const ModelLayer here{static_cast<int>(i), moe_layer};
    moe_layer += layer.moe ? 1 : 0;
    if (i < first) continue;
    if (layer.moe && first_moe.empty()) {
      first_moe.push_back(here);
      continue;
    }
    others += layer.moe ? 1 : 0;
    kinds[{layer.moe, layer.window}].push_back(here);
  }
  for (const auto& [kind, layers] : kinds)
    if (!kind.first) groups.push_back(layers);
  if (!first_moe.empty()) groups.push_back(first_moe);
  for (const auto& [kind, layers] : kinds) {
    if (!kind.first) continue;
    const auto size = layers.size();
    const auto share =
        static_cast<double>(drawn - 1) * static_cast<double>(size) / static_cast<double>(others);
    const auto parts =
        std::clamp<std::size_t>(static_cast<std::size_t>(std::llround(share)), 1, size);
    for (std::size_t p = 0; p < parts; ++p)
      groups.emplace_back(layers.begin() + static_cast<std::ptrdiff_t>(p * size / parts),
                          layers.begin() + static_cast<std::ptrdiff_t>((p + 1) * size / parts));
  }
  return groups;
}

void StepBuilder::drawn_layers(std::int64_t& moe_layer) {
  static const RandomStream stream(0x1a7e, stream_id("drawn layers"));
  for (std::size_t g = 0; g < stage_.alike.size(); ++g) {
    const auto& group = stage_.alike[g];
    const auto drawn = stream.below(draw_ * stage_.alike.size() + g, group.size());
    layer_for(group[static_cast<std::size_t>(drawn)], static_cast<std::int64_t>(group.size()));
    if (s_.parts.model.layers[static_cast<std::size_t>(group.front().index)].moe)
      moe_layer += static_cast<std::int64_t>(group.size());
  }
}

// Between layers that exchange tokens or sum over ranks, no rank has anything pending; where they
// do neither, what is pending grows by the same for every layer.
void StepBuilder::layer_for(const ModelLayer& which, std::int64_t count) {
  const auto phases = cost_.phase_s;
  const auto unmeasured = cost_.unmeasured_s;
  const auto moe = cost_.moe;
  const auto clock = clock_;
  pending_before_ = pending_;
  auto& segments = cost_.stages.back();
  const auto first = segments.size() - 1;
  const auto busy = segments.back().busy;

  weight_ = static_cast<double>(count);
  auto moe_layer = which.moe_layer;
  layer(which.index, moe_layer);
  weight_ = 1;

  const auto more = static_cast<double>(count - 1);
  const auto extend = [more](auto& now, const auto& then) { now += (now - then) * more; };
  for (std::size_t p = 0; p < kPhases; ++p) extend(cost_.phase_s[p], phases[p]);
  extend(cost_.unmeasured_s, unmeasured);
  extend(cost_.moe.imbalance_sum, moe.imbalance_sum);
  extend(cost_.moe.distinct_sum, moe.distinct_sum);
  cost_.moe.layers += (cost_.moe.layers - moe.layers) * (count - 1);
  if (clock_ == clock)
    for (std::size_t r = 0; r < pending_.size(); ++r) {
      for (std::size_t p = 0; p < kPhases; ++p)
        extend(pending_[r].phase_s[p], pending_before_[r].phase_s[p]);
      extend(pending_[r].total, pending_before_[r].total);
      extend(pending_[r].unmeasured, pending_before_[r].unmeasured);
    }
  extend(clock_, clock);
  repeat_segments(first, busy, count - 1);
}

/// What was added to the segments since `first` was the last one and `busy`, `times` times more.
void StepBuilder::repeat_segments(std::size_t first, Seconds busy, std::int64_t times) {
  auto& segments = cost_.stages.back();
  const auto opening = segments[first];
  const auto head = opening.busy - busy;
  if (segments.size() - 1 == first) {
    segments.back().busy += head * static_cast<double>(times);
    return;
  }
  const std::vector<Segment> rest(segments.begin() + static_cast<std::ptrdiff_t>(first) + 1,
                                  segments.end());
  for (std::int64_t i = 0; i < times; ++i) {
    auto& last = segments.back();
    const auto before = last.busy;
    last = opening;
    last.busy = before + head;
    segments.insert(segments.end(), rest.begin(), rest.end());
  }
}

}  // namespace moesim
