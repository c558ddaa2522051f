// Table and picture of hit-rate curves: policies over cache sizes.
#pragma once

#include <span>
#include <string>

#include "sim/cache/hit_curve.hpp"
#include "sim/report/figure.hpp"

namespace moesim {

/// One row per policy, one column per size, hit rates in percent.
std::string hit_curve_table(std::span<const HitCurve> curves, std::span<const std::int64_t> slots,
                            std::int64_t top_k);
/// policy,slots_per_layer,hit_rate
std::string hit_curve_csv(std::span<const HitCurve> curves, std::span<const std::int64_t> slots);
/// Hit rate over slots per layer, one line per policy; `title` heads the picture.
Figure hit_curve_figure(std::span<const HitCurve> curves, std::span<const std::int64_t> slots,
                        std::string_view title);

}  // namespace moesim
