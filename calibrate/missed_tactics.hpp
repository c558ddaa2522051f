// Rows of a table of routed experts that an autotuner made slow: it missed the good tactic, by
// factors of 1.3 to 30. Such rows say nothing about the hardware, nor about a run whose autotuner
// does its work, and are left out, counted by reason. Two rules, each a comparison within the table
// that no kernel can break for a physical reason.
#pragma once

#include "calibrate/samples.hpp"

namespace moesim {

void leave_out_missed_tactics(Imported<ExpertsSample>& table);

}  // namespace moesim
