// MoE-Infinity's memory of past sequences (arXiv 2401.14361;
// https://github.com/TorchMoE/MoE-Infinity): one matrix [layers x experts] of counts per sequence,
// and a collection of them. The past sequence most like the current one, by the mean over layers of
// the cosine similarity of their rows, predicts what comes. A full collection forgets its oldest.
// Not modelled: the time of the search.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/cache/accesses.hpp"

namespace moesim {

class ActivationMatrices {
 public:
  ActivationMatrices(const CacheShape& shape, std::int64_t capacity)
      : shape_(shape),
        capacity_(static_cast<std::size_t>(capacity)),
        current_(static_cast<std::size_t>(shape.all()), 0) {}

  /// The current sequence joins the collection.
  void start_sequence();
  void count(ExpertId id);
  /// Share of its layer's activations that an expert has: mean of the current sequence and of the
  /// most similar past one; what there is of them. 0 before anything was seen.
  double share(ExpertId id, std::int64_t visit);

 private:
  void match(std::int64_t step);
  std::vector<float> shares() const;

  CacheShape shape_;
  std::size_t capacity_;
  std::vector<float> current_;              ///< counts
  std::vector<std::vector<float>> past_;    ///< rows of unit length
  std::vector<std::vector<float>> shares_;  ///< the same sequences, rows that sum to 1
  std::size_t oldest_ = 0;
  std::vector<float> predicted_;
  std::int64_t matched_step_ = -1;
  bool empty_ = true;
};

}  // namespace moesim
