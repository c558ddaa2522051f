// Which experts the tokens of a model chose, in the order in which one engine computed them: the
// input of everything in cache/ that knows no time. A step is one pass over the layers, of one
// token or of a batch; in every layer it needs the distinct experts its tokens chose. Not modelled
// here: how long anything takes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace moesim {

/// layer x experts + expert: one number for every expert of a model.
using ExpertId = std::int32_t;

struct CacheShape {
  std::int64_t layers = 0;   ///< MoE layers
  std::int64_t experts = 0;  ///< of a layer
  std::int64_t top_k = 0;    ///< experts of a token in a layer
  std::int64_t all() const { return layers * experts; }
  std::int64_t layer_of(ExpertId id) const { return id / experts; }
};

class Accesses {
 public:
  explicit Accesses(const CacheShape& shape) : shape_(shape) {}

  /// The next steps belong to another sequence (prompt, conversation).
  void start_sequence() { sequences_.push_back(steps()); }
  /// The next layer of the current step: distinct ids of that layer, hottest or first chosen first.
  void add(std::span<const ExpertId> needed) {
    ids_.insert(ids_.end(), needed.begin(), needed.end());
    ends_.push_back(static_cast<std::int64_t>(ids_.size()));
  }

  const CacheShape& shape() const { return shape_; }
  /// Pairs of a step and a layer; the unit of time of all policies.
  std::int64_t visits() const { return static_cast<std::int64_t>(ends_.size()); }
  std::int64_t steps() const { return visits() / shape_.layers; }
  std::int64_t accesses() const { return static_cast<std::int64_t>(ids_.size()); }
  std::int64_t layer_of_visit(std::int64_t visit) const { return visit % shape_.layers; }
  std::span<const ExpertId> needed(std::int64_t visit) const {
    const auto begin = visit == 0 ? 0 : ends_[static_cast<std::size_t>(visit - 1)];
    const auto end = ends_[static_cast<std::size_t>(visit)];
    return std::span(ids_).subspan(static_cast<std::size_t>(begin),
                                   static_cast<std::size_t>(end - begin));
  }
  /// First step of every sequence, ascending.
  std::span<const std::int64_t> sequences() const { return sequences_; }

 private:
  CacheShape shape_;
  std::vector<ExpertId> ids_;
  std::vector<std::int64_t> ends_;  ///< [visits]
  std::vector<std::int64_t> sequences_;
};

/// The same tokens in steps of `batch` consecutive ones of a sequence.
Accesses batched(const Accesses& accesses, std::int64_t batch);

/// How often every expert is chosen [layers x experts].
std::vector<double> popularity(const Accesses& accesses);

}  // namespace moesim
