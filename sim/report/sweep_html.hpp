// A sweep as one self-contained HTML file: question, best design, pictures, and a table of every
// design that sorts by a click on a column and filters by text ("ep 16 -> rows with both words") or
// by a comparison ("TPOT p50 < 40"). One inline script, no network.
#pragma once

#include <string>
#include <vector>

#include "sim/report/html_report.hpp"
#include "sim/sweep/table.hpp"

namespace moesim {

std::string sweep_html(const SweepTable& table, const std::vector<Picture>& pictures);

}  // namespace moesim
