// One self-contained HTML file: question, headline tiles, tables, pictures, and everything needed
// to run it again. No script, no network, no fonts to fetch; follows the reader's light or dark
// mode. Several results stand side by side.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/metrics/result.hpp"
#include "sim/report/figure.hpp"

namespace moesim {

struct Picture {
  std::string name;  ///< file name without extension
  std::string caption;
  std::string svg;  ///< as gnuplot wrote it
};

/// The SVGs that draw_figures() wrote into `directory`. Throws InputError when one cannot be read.
std::vector<Picture> read_pictures(std::span<const Figure> figures, const std::string& directory);

struct HtmlReport {
  std::string title;
  std::string question;             ///< may be empty
  std::string command;              ///< as the user typed it; may be empty
  std::span<const Result> results;  ///< at least one
  std::vector<Picture> pictures;    ///< may be empty: a report without gnuplot
};

std::string html_report(const HtmlReport& report);

}  // namespace moesim
