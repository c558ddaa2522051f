// A file that a scenario names: relative to the file that names it when it lies there, else to the
// working directory, so that a scenario can be run from anywhere and `-s workload.trace=PATH` means
// what the shell means. A file that is in neither place is refused where it is named; whether it
// can be read shows when it is read.
#pragma once

#include <string>

#include "sim/core/value.hpp"

namespace moesim {

struct InputPath {
  std::string path;  ///< resolved
};

template <>
struct Value<InputPath> {
  static InputPath read(const Node& node);
  static Node write(const InputPath& value) { return Node::scalar(value.path, true); }
  static void describe(ParameterInfo& info) { info.type = "path"; }
};

}  // namespace moesim
