// A Result through a pipe between two processes of the same program: field by field in binary,
// nothing else. Not a file format; result_json.hpp is.
#pragma once

#include <string>

#include "sim/metrics/result.hpp"

namespace moesim {

std::string pack(const Result& result);
/// Throws SimulationError when the bytes end early (the sender died).
Result unpack(const std::string& bytes);

}  // namespace moesim
