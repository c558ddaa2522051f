#include "calibrate/layer_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "models/cost/predict.hpp"

namespace moesim {
namespace {

[[noreturn]] void refuse(const Profile& profile, const std::string& what) {
  throw InputError(fmt::format("profile '{}' has no fit of {}, which the executed layers need",
                               profile.name, what));
}

ExpertWork work_of(const LayerTiming& s) {
  ExpertWork work;
  work.hidden = s.hidden;
  work.intermediate = s.intermediate;
  work.weight = s.format.weight;
  work.activation = activation_of(s.format.weight);
  work.tokens = s.tokens;
  work.tokens_per_expert = s.tokens_per_expert;
  return work;
}

/// The fit that has the layer's number format; of several the one of the layer's own kernel.
template <class Fit>
const Fit* fit_for(const std::vector<Fit>& fits, const LayerTiming& s) {
  const Fit* found = nullptr;
  for (const auto& fit : fits) {
    if (fit.weight != s.format.weight) continue;
    if (found == nullptr || fit.origin.kernel == s.format.kernel) found = &fit;
    if (found->origin.kernel == s.format.kernel) break;
  }
  return found;
}

Prediction predict_experts(const Profile& profile, const Device& device, const LayerTiming& s) {
  const auto check = [&](const auto& fit) {
    if (fit.around.empty()) refuse(profile, "permute and combine");
    return predict(fit, peaks_of(device, fit.weight), work_of(s), true);
  };
  if (const auto* fit = fit_for(profile.sequential_experts, s)) return check(*fit);
  if (const auto* fit = fit_for(profile.experts, s)) return check(*fit);
  refuse(profile, "experts in " + s.format.scheme);
}

}  // namespace

std::vector<LayerError> check_layers(const Profile& profile, const Device& device,
                                     const std::vector<LayerTiming>& samples) {
  std::vector<LayerError> all;
  for (const auto& s : samples) {
    const auto* gate = fit_for(profile.router, s);
    if (gate == nullptr) refuse(profile, "the gate (router) in " + s.format.scheme);
    const Gemm scores{s.tokens, s.experts, s.hidden, s.format.weight,
                      activation_of(s.format.weight)};
    const auto chosen = predict(*gate, peaks_of(device, gate->weight), scores, true);
    const auto experts = predict_experts(profile, device, s);
    all.push_back({s, (chosen.time + experts.time).value, chosen.measured && experts.measured});
  }
  return all;
}

std::vector<LayerGroup> grouped(const std::vector<LayerError>& layers) {
  LayerGroup everything{"all", {}};
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>, LayerGroup> shapes;
  std::map<double, LayerGroup> skews;
  std::map<std::int64_t, LayerGroup> tokens;
  const auto add = [](LayerGroup& group, std::string name, double error) {
    group.name = std::move(name);
    group.errors.push_back(error);
  };
  for (const auto& layer : layers) {
    const auto& s = layer.sample;
    const double error = layer.error();
    everything.errors.push_back(error);
    add(shapes[{s.hidden, s.intermediate, s.experts, s.topk}],
        fmt::format("shape {} x {}, {} experts, top {}", s.hidden, s.intermediate, s.experts,
                    s.topk),
        error);
    add(skews[s.skew], fmt::format("skew {:g}", s.skew), error);
    add(tokens[s.tokens], fmt::format("{} token{}", s.tokens, s.tokens == 1 ? "" : "s"), error);
  }
  std::vector<LayerGroup> groups = {std::move(everything)};
  for (const auto& [_, group] : shapes) groups.push_back(group);
  for (const auto& [_, group] : skews) groups.push_back(group);
  for (const auto& [_, group] : tokens) groups.push_back(group);
  return groups;
}

}  // namespace moesim
