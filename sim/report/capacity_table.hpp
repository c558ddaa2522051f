// The answers of `moesim capacity` as a table and as JSON.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "sim/sweep/store.hpp"

namespace moesim {

struct CapacityRow {
  std::string name;
  double gpus = 0;
  std::optional<double> load;  ///< requests per second, or requests in flight
  Figures figures;             ///< of the run at that load
  /// Requests within the service level when twice as many come.
  std::optional<double> twice_fraction;
  int runs = 0;
  std::string error;
};

/// `whole`: loads are requests in flight.
std::string capacity_table(std::span<const CapacityRow> rows, bool whole, double attainment);

std::string capacity_json(std::span<const CapacityRow> rows);

}  // namespace moesim
