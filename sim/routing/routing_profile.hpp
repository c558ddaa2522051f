// The statistics of a model's routing, as the generator needs them (generator.hpp): fitted to
// recorded traces by `moesim calibrate routing`, shipped as YAML in sim/routing/profiles with their
// source. Everything is in units of a logit with standard Gumbel noise. Not kept: which expert is
// popular; that is drawn from the seed.
#pragma once

#include <string>
#include <vector>

#include "sim/core/parameters.hpp"

namespace moesim {

struct RoutingProfile {
  std::string model, source, licence, note;
  std::int64_t experts = 0, top_k = 0;  ///< of the recorded model
  std::vector<double> sigma;            ///< [layers recorded] spread of the experts' log popularity
  /// Skewness of that log popularity, (exp(tail z) - 1) / tail of a standard normal z: above 0 a
  /// few experts stand out more than a log-normal popularity lets them, 0 is log-normal.
  double tail = 0;
  double common = 1;  ///< correlation of log popularity between two domains
  /// A token's own preference, of this spread: `latent_rank` numbers that all layers see through
  /// their own random loadings, which ties the experts of neighbouring layers together. With a rank
  /// of 8 the next-layer affinity of the ESFT traces is out of reach, with 4 it is not.
  double latent_sigma = 0;
  std::int64_t latent_rank = 4;
  double token_share = 0;    ///< of its variance that lasts one or two tokens
  double context_share = 0;  ///< of its variance that lasts some twenty tokens; the rest is new
  static const Parameters<RoutingProfile>& parameters();

  /// Interpolated over relative depth: `layer` of `layers`.
  double sigma_at(std::int64_t layer, std::int64_t layers) const;
};

/// By the name of one that ships, or a path. Throws InputError with the nearest name.
RoutingProfile read_routing_profile(const std::string& name);
std::vector<std::string> routing_profile_names();

}  // namespace moesim
