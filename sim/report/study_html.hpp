// Network studies as one self-contained HTML file, like html_report.hpp for serving: every study's
// question, table, pictures, what happened to its links, and how to run it again.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/report/html_report.hpp"
#include "sim/report/study_report.hpp"

namespace moesim {

struct StudyHtml {
  std::string command;  ///< as the user typed it; may be empty
  std::span<const StudyResult> studies;
  std::vector<std::vector<Picture>> pictures;  ///< [studies], or none without gnuplot
};

std::string study_html(const StudyHtml& report);

}  // namespace moesim
