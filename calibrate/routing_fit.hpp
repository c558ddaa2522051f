// Fits the routing generator (sim/routing/generator.hpp) to recorded choices: its parameters are
// turned until generated traces of the same shape have the recorded
//   collision of two random tokens, per layer         -> spread of popularity, per layer
//   load of the experts from least to most chosen one -> shape of popularity
//   next-layer affinity above independence            -> spread of the latent preference
//   reuse of the previous token's experts, near - far -> its share that lasts a token or two
//   reuse at a distance of 8 tokens - collision       -> its share that lasts some twenty tokens.
// Distinct experts of a batch and rank imbalance are not fitted: they are what a fit is checked on,
// besides traces it has not seen.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/routing/generator.hpp"
#include "sim/routing/routing_statistics.hpp"

namespace moesim {

/// Traces of one model, each a domain of its own. Throws InputError when their shapes differ.
RoutingProfile fit_routing(std::span<const RecordedTrace* const> traces);

/// Lengths of a trace's sequences, in order.
std::vector<GeneratedSequence> sequences_of(const RecordedTrace& trace, std::int64_t domain);

/// Statistics of generated traces with these sequences, mean over eight seeds.
RoutingStatistics predict_routing(const RoutingProfile& profile, std::int64_t layers,
                                  std::span<const GeneratedSequence> sequences);

/// Mean correlation of log popularity between two domains; `shares` [domain][layer][expert].
double popularity_correlation(const std::vector<std::vector<std::vector<double>>>& shares);

/// The earlier or the later sequences of a trace (of a lone sequence: tokens).
RecordedTrace half_of(const RecordedTrace& trace, bool first);

/// Expert counts of layers and domains, without the tokens they came from: spread and correlation
/// of popularity only. Columns model, domain, layer, expert, count; `model` picks the rows.
RoutingProfile fit_expert_counts(const std::string& path, const std::string& model,
                                 std::int64_t top_k);

/// One statistic of a trace that a fit has not seen.
struct RoutingCheck {
  std::string held_out, statistic;
  double recorded = 0, predicted = 0;
  double others = 0;  ///< mean of the statistic over the traces that were fitted
  double error() const { return predicted / recorded - 1; }
  /// What a fit that knows the others perfectly and nothing else would be wrong by.
  double difference() const { return others / recorded - 1; }
};
/// Every trace predicted by the fit to the others; a lone trace's second half by its first. On
/// `jobs` threads (0: every core).
std::vector<RoutingCheck> check_routing_fit(std::span<const RecordedTrace> traces,
                                            std::span<const std::string> names, unsigned jobs = 0);

/// YAML text that read_routing_profile() reads.
std::string routing_profile_yaml(const RoutingProfile& profile, const std::string& comment);

}  // namespace moesim
