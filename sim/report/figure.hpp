// The pictures of a run. figures_of() turns results into gnuplot scripts and data, a pure function;
// draw_figures() writes both into a directory and has gnuplot draw each as SVG, PNG and PDF beside
// them, so that a reader can change a script and draw again (`gnuplot NAME.gp` in that directory).
// Colours are Okabe and Ito's, safe for colour-blind readers.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/metrics/result.hpp"

namespace moesim {

struct Figure {
  std::string name;     ///< file name without extension
  std::string caption;  ///< what it shows, one sentence
  std::string script;   ///< NAME.gp
  std::string data;     ///< NAME.tsv
};

/// One result: latency CDFs, load over time, step-time breakdown and, for MoE models, the
/// expert-load heat map. Several: headline bars, overlaid CDFs and breakdowns, each under its
/// title. A figure without data is left out.
std::vector<Figure> figures_of(std::span<const Result> results);

/// Writes NAME.gp, NAME.tsv, NAME.svg, NAME.png and NAME.pdf for each; the directory is created.
/// Scripts and data are all written before the first picture is drawn, so they are there even when
/// gnuplot is not. Throws as run_gnuplot and write_output_file do.
void draw_figures(std::span<const Figure> figures, const std::string& directory);

}  // namespace moesim
