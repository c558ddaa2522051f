// The value columns that every operation writes behind its key columns, so that tables of several
// programs merge by name. Times are of one pass. p25_us, the lower quartile, is what a prediction
// on a shared CPU uses: other load only ever adds time.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernels/table.hpp"
#include "kernels/timing.hpp"

namespace moesim::kernels {

/// `keys` (op, dtype, ...) and behind them the common value columns.
inline std::vector<std::string> columns_with_values(std::vector<std::string> keys) {
  for (const char* name : {"l2", "latency_us", "p10_us", "p25_us", "p90_us", "cv", "samples",
                           "timer", "repeats", "library", "device", "flag"})
    keys.emplace_back(name);
  return keys;
}

/// Whose measurement a row is. `hot`: the same buffers again and again; otherwise the passes rotate
/// over buffers that together exceed the cache twice.
struct Measured {
  bool hot = false;
  std::string library;
  std::string device;
};

/// The cells that belong under columns_with_values(), behind those of the keys.
inline std::vector<std::string> row_with_values(std::vector<std::string> keys,
                                                const Measured& measured, const Sampler& sampler,
                                                const Summary& summary) {
  for (std::string cell :
       {std::string(measured.hot ? "hot" : "rotate"), csv_number(summary.median_s * 1e6),
        csv_number(summary.p10_s * 1e6), csv_number(summary.p25_s * 1e6),
        csv_number(summary.p90_s * 1e6), csv_number(summary.cv), std::to_string(summary.n),
        sampler.timer, std::to_string(sampler.repeats), measured.library, measured.device,
        std::string(summary.noisy ? "noisy" : "ok")})
    keys.push_back(std::move(cell));
  return keys;
}

}  // namespace moesim::kernels
