#include "sim/serving/composition.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/core/portable_math.hpp"
#include "sim/core/random.hpp"

namespace moesim {
namespace {

ExpertMemoryConfig memory_config(const CompositionConfig& config) {
  ExpertMemoryConfig memory;
  memory.slots_per_layer = std::min(config.slots, config.models);
  memory.tiers = config.tiers;
  memory.policy = config.policy;
  return memory;
}

}  // namespace

const std::vector<std::string>& names_of(ModelChoice) {
  static const std::vector<std::string> names = {"in_turn", "drawn"};
  return names;
}

const std::vector<std::string>& names_of(ModelOrder) {
  static const std::vector<std::string> names = {"arrived", "grouped"};
  return names;
}

const Parameters<CompositionConfig>& CompositionConfig::parameters() {
  using P = CompositionConfig;
  static const auto list =
      Parameters<P>()
          .required("models", &P::models, "how many whole models there are", "150")
          .min(1)
          .max(1'000'000)
          .required("slots", &P::slots, "how many of them GPU memory holds", "47")
          .min(1)
          .required("tiers", &P::tiers, "where the others lie, the nearest first",
                    "[{name: host, capacity: 2 TiB, bandwidth: 32 GB/s}]")
          .optional("bytes", &P::bytes, "of one model (default: the weights of `model`)")
          .above(0)
          .optional("choice", &P::choice,
                    "which model a request asks for; in_turn: the next one, the worst case of a "
                    "cache, drawn: by popularity")
          .optional("sigma", &P::sigma,
                    "standard deviation of the log of a model's popularity, when drawn")
          .min(0)
          .max(5)
          .optional("order", &P::order,
                    "which model runs next; arrived: that of the request that came first, grouped: "
                    "that of most waiting requests, with all of them")
          .optional("policy", &P::policy, "which model leaves a slot");
  return list;
}

void CompositionConfig::check(const Node& at) const {
  if (tiers.empty())
    throw InputError(at.where, "tiers: at least one must hold the models that have no slot");
  for (const auto& tier : tiers)
    if (tier.total_bandwidth)
      throw InputError(at.where,
                       "tiers: total_bandwidth is of the GPUs that share a node's tiers in "
                       "the section cache; here one replica has them to itself");
}

void check_composition(const CompositionConfig& config, Bytes model_bytes, const Location& where) {
  const auto& last = config.tiers.back();
  const auto all = static_cast<double>(config.models) * model_bytes;
  if (last.capacity < all)
    throw InputError(
        where, fmt::format("{} models of {:.1f} GB do not fit in tier '{}', which holds {}; fewer "
                           "models, or a larger tier",
                           config.models, model_bytes.value / 1e9, last.name,
                           static_cast<std::int64_t>(last.capacity / model_bytes)));
}

Composition::Composition(const CompositionConfig& config, Bytes model_bytes, std::uint64_t seed)
    : config_(config),
      seed_(seed),
      memory_(memory_config(config), {1, config.models, 1}, model_bytes, seed) {
  const RandomStream stream(seed, stream_id("model popularity"));
  double sum = 0;
  for (std::int64_t m = 0; m < config.models; ++m)
    popularity_.push_back(
        sum += portable_exp(config.sigma * stream.normal(static_cast<std::uint64_t>(m))));
  for (double& p : popularity_) p /= sum;
}

std::int64_t Composition::model_of(std::int64_t request) const {
  if (config_.choice == ModelChoice::in_turn) return request % config_.models;
  const RandomStream stream(seed_, stream_id("model of a request"));
  const double u = stream.uniform(static_cast<std::uint64_t>(request));
  const auto at = std::ranges::upper_bound(popularity_, u) - popularity_.begin();
  return std::min<std::int64_t>(at, config_.models - 1);
}

std::int64_t Composition::next_model() const {
  if (config_.order == ModelOrder::arrived) return model_of(held_.front()->id);
  std::vector<std::int64_t> waiting(static_cast<std::size_t>(config_.models), 0);
  for (const auto* request : held_) ++waiting[static_cast<std::size_t>(model_of(request->id))];
  return std::ranges::max_element(waiting) - waiting.begin();
}

Seconds Composition::load(Seconds now, std::int64_t model) {
  memory_.start_step(now, {{static_cast<ExpertId>(model)}});
  return memory_.layer(now, 0, [](std::span<const std::size_t>) { return Seconds(0); }).stall;
}

Seconds Composition::admit(Seconds now, bool idle, std::deque<Request*>& waiting) {
  Seconds loading(0);
  if (held_.empty()) return loading;
  if (const auto next = next_model(); idle && next != running_) {
    loading = load(now, next);
    running_ = next;
  }
  std::deque<Request*> rest;
  for (auto* request : held_) {
    const bool first = config_.order == ModelOrder::grouped || rest.empty();
    (first && model_of(request->id) == running_ ? waiting : rest).push_back(request);
  }
  held_ = std::move(rest);
  return loading;
}

}  // namespace moesim
