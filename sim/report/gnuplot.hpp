// Runs gnuplot on a script, without a shell. Text from a user enters a script only through
// gnuplot_string(), and every terminal runs in `noenhanced` mode, so that a title is shown as it is
// and can do nothing.
#pragma once

#include <string>
#include <string_view>

namespace moesim {

/// A gnuplot string literal of one line whose value is the text, whatever characters it holds.
std::string gnuplot_string(std::string_view text);

/// Runs `gnuplot --default-settings SCRIPT` in `directory` (the user's ~/.gnuplot is not read).
/// Throws InputError when gnuplot is not installed, SimulationError with gnuplot's own words when
/// it fails.
void run_gnuplot(const std::string& directory, const std::string& script);

}  // namespace moesim
