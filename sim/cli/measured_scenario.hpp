// A measured serving point as the scenario that a user would write for it, or the reason why it
// cannot be one. The traps of the table are met here: widths recorded as tensor x expert are read
// from the point's id, ambiguous ones are left out, never guessed. Nothing here looks at the
// measured times.
#pragma once

#include <optional>
#include <string>

#include "sim/cli/serving_measurements.hpp"
#include "sim/core/node.hpp"

namespace moesim {

/// What of a point could be read: the groups it belongs to are known even when it is left out.
struct MeasuredScenario {
  std::string left_out;  ///< why; empty: it can be simulated
  std::string model;     ///< as moesim calls it; the table's own name when unknown
  std::string node;      ///< e.g. hgx-h200; the table's own name when unknown
  std::int64_t concurrency = 0;
  std::int64_t rounds = 0;  ///< requests = rounds x concurrency
  Node document;            ///< the scenario
  /// The same with drafted tokens, where the table does not say which of the two ran.
  std::optional<Node> speculating;
};

/// The requests kept in flight: `silicon_concurrency=` of the source, which must agree with `_cN_`
/// of the id.
std::optional<std::int64_t> concurrency_of(const ServingMeasurement& point);

/// How many times the concurrency is simulated, given the output length: all ten rounds of the
/// benchmark where they are cheap. `asked` 0: the default.
std::int64_t rounds_of(std::int64_t output_tokens, std::int64_t asked);

MeasuredScenario measured_scenario(const ServingMeasurement& point, std::int64_t rounds_asked = 0);

}  // namespace moesim
