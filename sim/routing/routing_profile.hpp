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
  /// Shape of that log popularity: its value at -2.5, -2, ... 2.5 standard deviations of a normal
  /// draw, straight in between and beyond, up to shift and scale (which `sigma` sets). None:
  /// log-normal.
  std::vector<double> popularity;
  static constexpr std::size_t kPopularityKnots = 11;
  static constexpr double kFirstKnot = -2.5, kKnotStep = 0.5;
  double common = 1;  ///< correlation of log popularity between two domains
  /// A token's own preference, of this spread: `latent_rank` numbers that all layers see through
  /// their own random loadings, which ties the experts of neighbouring layers together. With a rank
  /// of 8 the next-layer affinity of the ESFT traces is out of reach, with 4 it is not.
  double latent_sigma = 0;
  std::int64_t latent_rank = 4;
  double token_share = 0;    ///< of its variance that lasts one or two tokens
  double context_share = 0;  ///< of its variance that lasts some twenty tokens; the rest is new
  static const Parameters<RoutingProfile>& parameters();
  /// Throws InputError for a `popularity` of another length or one that falls.
  void check(const Node& node) const;

  /// Interpolated over relative depth: `layer` of `layers`.
  double sigma_at(std::int64_t layer, std::int64_t layers) const;
  /// Log popularity of an expert that drew `normal`, before shift and scale.
  double popularity_at(double normal) const;
};

/// By the name of one that ships, or a path. Throws InputError with the nearest name.
RoutingProfile read_routing_profile(const std::string& name);
std::vector<std::string> routing_profile_names();

}  // namespace moesim
