// How well a model's routing suits a cache, before any cache is chosen: the segment routing best
// performance of "Not All Models Suit Expert Offloading" (arXiv 2505.16056 section 3) and the reuse
// of the token before. The segment cache hit rate SCH of the same paper is the hit rate of policy
// `segment-oracle`.
#pragma once

#include "sim/cache/accesses.hpp"

namespace moesim {

/// SRP: the best F1 score of a router that must fix one set of experts for every segment of
/// `tokens` steps of a sequence: max over a of 2 sum_{f>=a} f / sum(tokens [f>=a] + f), f the uses
/// of an expert in a segment. Mean over the layers; incomplete segments are left out.
double segment_routing_best_performance(const Accesses& accesses, std::int64_t tokens);

/// Share of a step's experts that the step before (same layer, same sequence) needed too.
double step_reuse(const Accesses& accesses);

}  // namespace moesim
