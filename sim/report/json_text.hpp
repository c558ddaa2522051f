// JSON text whose bytes depend on the values alone: keys in the order they were added, numbers in
// their shortest form that reads back to the same double (nlohmann's own dump is not always the
// shortest). Includes nlohmann-json: for the .cpp files of report/ only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "sim/core/node.hpp"

namespace moesim {

using Json = nlohmann::ordered_json;

/// Indented by two spaces; an array of scalars stays on one line. Throws SimulationError for a
/// number that is not finite, naming its key: JSON cannot hold it and a result should not.
std::string json_text(const Json& value);

/// A YAML tree as JSON; unquoted scalars become numbers and booleans as YAML 1.2 says.
Json node_json(const Node& node);

/// A quoted JSON string. Broken UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text);

}  // namespace moesim
