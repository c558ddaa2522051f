// JSON Schema (draft 7) of a scenario file from the parameter lists, for completion and checks in
// an editor:
//   # yaml-language-server: $schema=moesim.schema.json
#pragma once

#include <string>

namespace moesim {

std::string scenario_json_schema();

}  // namespace moesim
