// Numbers as people read them: three significant digits, thousands separated, a unit of fitting
// size. For tables and pictures only; files that programs read hold SI values in full.
#pragma once

#include <cstdint>
#include <string>

namespace moesim {

/// "0", "0.00123", "1.23", "12.3", "123", "12,346". At least three significant digits, never an
/// exponent below 1e15.
std::string human_number(double value);

/// "12,345": a count in full.
std::string human_count(std::int64_t value);

/// `value` with a fixed number of decimals and separated thousands.
std::string human_fixed(double value, int decimals);

/// "1.23 ms"; units ns, us, ms, s.
std::string human_time(double seconds);

/// "1.23 GB"; decimal units, as bandwidths are quoted.
std::string human_bytes(double bytes);

/// "12.3 %" of a fraction of one.
std::string human_percent(double fraction);

}  // namespace moesim
