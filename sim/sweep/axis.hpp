// One axis of a sweep: a name and its values, each of which sets one or more keys of the scenario.
//
//   engine.max_sequences: [16, 64, 256]                             # values of a key
//   workload.arrivals.rate: {from: 4 /s, to: 32 /s, step: 4 /s}     # linear steps
//   cluster.node.nic_bandwidth: {from: 12.5 GB/s, to: 100 GB/s, points: 4, scale: log}
//   batch: {key: engine.max_sequences, values: [16, 64]}            # a key under another name
//   size: {zip: {parallel.data: [8, 16], parallel.expert: [8, 16]}}  # several keys in step
//   policy: {variants: {plain: {}, spread: {routing: {redundant_experts: 8}}}}
//
// A range whose ends are whole numbers has whole values (rounded, duplicates dropped); the values
// carry the unit of `from`. Whether a key exists is found when the scenario is read.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/core/node.hpp"

namespace moesim {

struct AxisValue {
  std::string label;
  Location where;
  std::vector<std::pair<std::string, Node>> keys;  ///< key.path and what it is set to
  Node changes;                                    ///< of a variant: merged over the scenario
};

struct Axis {
  std::string name;
  Location where;
  std::vector<AxisValue> values;
  /// Every label is a number, or a quantity: the axis has an order and distances.
  bool numeric = false;
  std::vector<double> numbers;  ///< of a numeric axis, SI, parallel to `values`
  bool logarithmic = false;     ///< of a numeric axis: drawn on a logarithmic scale
};

/// Throws InputError with the place of what is wrong.
Axis read_axis(const std::string& name, const Location& name_where, const Node& node);

}  // namespace moesim
