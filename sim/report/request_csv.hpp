// The series of a run as comma-separated tables with one header line, for pandas or a spreadsheet.
// Times in seconds in their shortest exact form; rows in the order of the Result.
#pragma once

#include <string>

#include "sim/metrics/result.hpp"

namespace moesim {

/// One line per finished request.
std::string request_csv(const Result& result);

/// One line per engine step.
std::string step_csv(const Result& result);

}  // namespace moesim
