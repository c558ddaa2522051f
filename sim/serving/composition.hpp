// Composition of experts: every request asks for one of many whole models of the same shape, of
// which GPU memory holds a few; the others come over a link before their requests run. One model
// runs at a time, with as many of its requests as the scheduler batches. Contract: a request is
// handed to the engine exactly once, and only when its model is there; loads never overlap with
// steps (the engine is idle meanwhile). Not modelled: writing back (weights are read-only), KV
// memory that resident models take, the router that names a request's model.
#pragma once

#include <deque>
#include <memory>

#include "sim/cache/expert_memory.hpp"
#include "sim/serving/request.hpp"

namespace moesim {

/// Which model a request asks for.
enum class ModelChoice { in_turn, drawn };
const std::vector<std::string>& names_of(ModelChoice);

/// Which model runs next: that of the request that came first, or that of most waiting requests.
enum class ModelOrder { arrived, grouped };
const std::vector<std::string>& names_of(ModelOrder);

/// The section `composition` of a scenario.
struct CompositionConfig {
  std::int64_t models = 1, slots = 1;
  std::optional<Bytes> bytes;
  ModelChoice choice = ModelChoice::drawn;
  double sigma = 0;
  ModelOrder order = ModelOrder::arrived;
  Choice<CachePolicy> policy{"lru"};
  std::vector<TierConfig> tiers;
  static const Parameters<CompositionConfig>& parameters();
  void check(const Node& at) const;
};

/// Refuses, at `where`, models that the last tier cannot hold.
void check_composition(const CompositionConfig& config, Bytes model_bytes, const Location& where);

class Composition {
 public:
  Composition(const CompositionConfig& config, Bytes model_bytes, std::uint64_t seed);

  /// The model that a request asks for, below `models`.
  std::int64_t model_of(std::int64_t request) const;
  void arrive(Request& request) { held_.push_back(&request); }
  /// Moves what may run now to `waiting`. `idle`: nothing runs and nothing waits, so another model
  /// may take over. Returns the time of its load.
  Seconds admit(Seconds now, bool idle, std::deque<Request*>& waiting);
  /// Loads as misses, takeovers by a model that was there as hits.
  const ExpertMemoryCounts& counts() const { return memory_.counts(); }

 private:
  std::int64_t next_model() const;
  Seconds load(Seconds now, std::int64_t model);

  CompositionConfig config_;
  std::vector<double> popularity_;  ///< [models] cumulative, the last is 1
  std::uint64_t seed_;
  ExpertMemory memory_;
  std::deque<Request*> held_;  ///< in order of arrival
  std::int64_t running_ = -1;  ///< model; -1: none yet
};

}  // namespace moesim
