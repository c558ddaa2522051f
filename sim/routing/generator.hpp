// Token-level choices with the statistics of a recorded model: per layer a log-normal popularity,
// common to all domains or a domain's own; a latent preference of every token, seen by all layers
// through their own loadings, with parts that last a token or two and some twenty tokens of its
// sequence (AR(1), autocorrelation 0.5 and 0.95 per token, chosen from the decay of reuse with
// distance in the ESFT traces); Gumbel noise; then the router decides. Same arguments, same trace.
// Not modelled: what a token means, so two sequences agree in popularity alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/routing/recorded_trace.hpp"
#include "sim/routing/router.hpp"
#include "sim/routing/routing_profile.hpp"

namespace moesim {

/// Mean 0 and standard deviation 1 exactly; all 0 where they are equal.
void standardise(std::span<double> values);

struct GeneratorShape {
  std::int64_t moe_layers = 0, experts = 0;
  std::uint64_t seed = 1;
  /// Correlation of a layer's popularity between domains, [layers]; empty: the profile's
  /// everywhere.
  std::vector<double> common;
  /// Popularity drifts: after `epoch` steps of it the log popularity has correlation drift^epoch
  /// with the first.
  std::int64_t epoch = 0;
  double drift = 1;
};

struct GeneratedSequence {
  std::int64_t tokens = 0;
  std::int64_t domain = 0;
};

/// Log popularity [experts] of a domain in a layer; mean 0, standard deviation and skewness the
/// profile's.
std::vector<double> log_popularity(const RoutingProfile& profile, const GeneratorShape& shape,
                                   std::int64_t layer, std::int64_t domain);

/// Choices of all tokens of all sequences, one sequence after the other, through `router`. A token
/// that gets fewer experts than the router's width has kNoExpert in the rest.
RecordedTrace generate_trace(const RoutingProfile& profile, const GeneratorShape& shape,
                             std::span<const GeneratedSequence> sequences, Router& router);

}  // namespace moesim
