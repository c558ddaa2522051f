#include <fmt/format.h>

#include <algorithm>

#include "sim/report/figure_kinds.hpp"
#include "sim/report/headline.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

constexpr int kColumns = 2;

/// Times are drawn in ms, fractions in percent.
double drawn_scale(Headline::Unit unit) {
  if (unit == Headline::Unit::kSeconds) return 1e3;
  return unit == Headline::Unit::kFraction ? 100 : 1;
}

std::string panel_title(const Headline& headline) {
  const auto hint = headline.better == Headline::Better::kHigher  ? ", higher is better"
                    : headline.better == Headline::Better::kLower ? ", lower is better"
                                                                  : "";
  return headline.name + hint;
}

/// A row per result: position, length, colour, label. Empty when no result has the figure.
std::string panel_data(const Headline& headline, std::span<const Result> results, double& longest) {
  std::string out;
  longest = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto value = headline.value(results[i]);
    if (!value) continue;
    const double length = *value * drawn_scale(headline.unit);
    longest = std::max(longest, length);
    out += fmt::format("{}\t{}\t{}\t{}\n", i, length, color_number(series_color(i)),
                       headline_text(headline, *value));
  }
  return out;
}

}  // namespace

Figure comparison_figure(std::span<const Result> results) {
  Figure figure{"comparison", "Throughput and latency of the runs", "", ""};
  figure.data = "# one block per panel: run, value, colour, label\n";
  std::string panels;
  int index = 0;
  for (const auto& headline : headlines()) {
    if (!headline.main) continue;
    double longest = 0;
    const auto data = panel_data(headline, results, longest);
    if (data.empty()) continue;
    figure.data += fmt::format("# {}\n", headline.name) + data + "\n\n";
    panels += fmt::format("  set title '{}' offset 0,-0.5\n  set xrange [0:{}]\n",
                          panel_title(headline), longest > 0 ? longest * 1.3 : 1);
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto tag = i + 1;
      if (index % kColumns == 0)
        panels += fmt::format(
            "  set label {} run[{}] at graph -0.02, first {} right textcolor rgb '#333333'\n", tag,
            tag, i);
      else
        panels += fmt::format("  unset label {}\n", tag);
    }
    panels += fmt::format(
        "  plot 'comparison.tsv' index {0} using 2:1:(0):2:($1-0.36):($1+0.36):3 with boxxyerror "
        "fs solid noborder lc rgb variable, '' index {0} using 2:1:4 with labels left offset "
        "0.5,0 textcolor rgb '#333333'\n",
        index++);
    if (index == 1) panels += "  unset label 100\n";
  }
  if (index == 0) return figure;
  const int rows = (index + kColumns - 1) / kColumns;
  const int panel_height = 66 + 24 * static_cast<int>(results.size());
  const int height = 62 + rows * panel_height;
  const double top = 1 - 84.0 / height;
  const double gap = 46.0 / height;
  const auto body = fmt::format(
      "  set multiplot layout {},{} margins "
      "0.24,0.98,{:.4f},{:.4f} spacing 0.03,{:.4f}\n"
      "  set yrange [{}:-0.6]\n  unset ytics\n  unset xtics\n  unset grid\n  set border 2\n{}",
      rows, kColumns, 12.0 / height, top, gap, static_cast<double>(results.size()) - 0.4,
      heading_label(height));
  figure.script = framed_script(figure, {960, height},
                                gnuplot_array("run", titles_of(results), 30) +
                                    heading_text("Throughput and latency of the runs"),
                                body + panels + "  unset multiplot\n  unset label\n");
  return figure;
}

}  // namespace moesim
