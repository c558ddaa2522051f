// The closed forms of tier `fit`: how long a kernel takes, given what it must compute and move and
// at most seven parameters that are fitted per (device, library, kernel, number format). Forms and
// their errors against measured tables: README, section accuracy. A form is pure arithmetic on
// doubles in SI units; it knows neither tables nor fitting. Not modelled: which tile a library
// picks, power limits, other kernels running at the same time.
#pragma once

#include <array>
#include <cstdint>

#include "sim/core/parameters.hpp"

namespace moesim {

/// What a form divides by: the peaks of the device in the format the kernel multiplies in.
struct Peaks {
  double flop_per_s = 0;
  double bytes_per_s = 0;
  double sms = 0;
};

/// The next whole number of a non-negative one; std::ceil is a call on plain x86-64.
inline double ceiling(double x) {
  const auto whole = static_cast<double>(static_cast<std::int64_t>(x));
  return whole < x ? whole + 1 : whole;
}

/// (a^p + b^p)^(1/p): p = 1 adds, large p takes the larger; how much of two overlapping times
/// hides.
double p_norm(double a, double b, double p);

/// The routed experts of one layer on one rank: floor + per local expert + p-norm of (FLOPs on
/// padded rows, weights of the *active* experts) + moving the tokens.
struct ExpertsForm {
  double floor_s = 30e-6;
  double per_expert_s = 1e-9;
  double compute = 0.4;
  double memory = 0.9;
  double row_memory = 0.3;
  double token_memory = 0.3;
  double norm = 2;
  std::int64_t tile = 16;  ///< rows an expert's tokens are padded to

  struct Work {
    double local = 0;         ///< experts on the rank
    double flop_per_row = 0;  ///< of one token through one expert
    double padded_rows = 0;   ///< rows after padding to `tile`, over all experts
    double weight_bytes = 0;  ///< of the active experts
    double row_bytes = 0;     ///< activations of the assigned rows
    double token_bytes = 0;   ///< activations of the entering tokens
  };
  double time_s(const Work& work, const Peaks& peaks) const;

  static constexpr std::size_t kFitted = 7;
  std::array<double*, kFitted> fitted();
  static const Parameters<ExpertsForm>& parameters();
};

/// [m x k] times [k x n]: floor + p-norm of (tile-quantised FLOPs over waves of SMs, bytes).
struct GemmForm {
  double floor_s = 3e-6;
  double compute = 0.7;
  double memory = 0.8;
  double norm = 2;
  double tile_exponent = 0.2;  ///< a tile of area a computes at (a / largest)^this of the rate

  struct Work {
    double m = 0, n = 0, k = 0;
    double bytes = 0;
  };
  double time_s(const Work& work, const Peaks& peaks) const;

  static constexpr std::size_t kFitted = 5;
  std::array<double*, kFitted> fitted();
  static const Parameters<GemmForm>& parameters();
};

/// Causal attention over new tokens: floor + p-norm of (FLOPs over all SMs, but never
/// less than the longest tile on one SM; bytes).
struct PrefillForm {
  double floor_s = 10e-6;
  double compute = 0.55;
  double memory = 0.8;
  double norm = 2;
  std::int64_t tile = 128;        ///< queries of a tile
  std::int64_t small_tile = 128;  ///< the same where a chunk has at most 64

  struct Work {
    double flop = 0;
    double bytes = 0;
    double longest_flop = 0;  ///< of the longest tile of queries, which one SM does alone
  };
  double time_s(const Work& work, const Peaks& peaks) const;

  static constexpr std::size_t kFitted = 4;
  std::array<double*, kFitted> fitted();
  static const Parameters<PrefillForm>& parameters();
};

/// Attention of one new token per sequence over its cache, padded to whole tiles of keys: bandwidth
/// that grows with the number of (sequence, KV head, split of the cache) units that can run at
/// once, p-normed with FLOPs, + a term per (sequence, KV head).
struct DecodeForm {
  double floor_s = 8e-6;
  double compute = 0.5;
  double memory = 0.9;
  double half_parallelism = 50;  ///< units at which half of the bandwidth is reached
  double per_head_s = 1e-9;
  double norm = 2;
  std::int64_t tile = 1;     ///< cached tokens of a sequence are padded to
  std::int64_t split = 256;  ///< cached tokens that make a unit of their own

  struct Work {
    double flop = 0;
    double bytes = 0;
    double heads = 0;  ///< sequences x KV heads
    double units = 0;  ///< heads x splits of a sequence, at least one
  };
  double time_s(const Work& work, const Peaks& peaks) const;

  static constexpr std::size_t kFitted = 6;
  std::array<double*, kFitted> fitted();
  static const Parameters<DecodeForm>& parameters();
};

/// Kernels that only move bytes: floor + bytes / bandwidth share.
struct StreamForm {
  double floor_s = 3e-6;
  double memory = 0.8;

  struct Work {
    double bytes = 0;
  };
  double time_s(const Work& work, const Peaks& peaks) const;

  static constexpr std::size_t kFitted = 2;
  std::array<double*, kFitted> fitted();
  static const Parameters<StreamForm>& parameters();
};

}  // namespace moesim
