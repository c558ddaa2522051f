#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "sim/report/figure_kinds.hpp"
#include "sim/report/study_report.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

/// More links than this make no readable map.
constexpr std::size_t kMostLinks = 4096;

std::string row_label(const CollectiveOutcome& o) { return o.collective + ": " + o.transport; }

std::vector<std::string> labels_of(const StudyResult& study) {
  std::vector<std::string> labels;
  for (const auto& o : study.outcomes) labels.push_back(row_label(o));
  return labels;
}

/// The labels of the script's array `label` beside rows 0, 1, ...
std::string row_labels(std::size_t rows) {
  std::string tics;
  for (std::size_t i = 0; i < rows; ++i)
    tics += fmt::format("  set ytics {} (label[{}] {})\n", i == 0 ? "" : "add", i + 1, i);
  return tics;
}

/// Completion / bound, one bar per outcome, with the range over samples.
Figure bars(const StudyResult& study) {
  Figure figure{"completion", "Completion time / even spraying", "", ""};
  figure.data = "# row, mean, least, most (all / even spraying), colour\n";
  double most = 1;
  std::vector<std::string> transports;
  for (std::size_t i = 0; i < study.outcomes.size(); ++i) {
    const auto& o = study.outcomes[i];
    auto at = std::ranges::find(transports, o.transport);
    const auto colour = static_cast<std::size_t>(at - transports.begin());
    if (at == transports.end()) transports.push_back(o.transport);
    fmt::format_to(std::back_inserter(figure.data), "{}\t{}\t{}\t{}\t{}\n", i,
                   o.completion_s.mean / o.bound_s, o.completion_s.min / o.bound_s,
                   o.completion_s.max / o.bound_s, color_number(series_color(colour)));
    most = std::max(most, o.completion_s.max / o.bound_s);
  }
  const auto rows = study.outcomes.size();
  const int height = 110 + 22 * static_cast<int>(rows);
  const auto tics = row_labels(rows);
  figure.script = framed_script(
      figure, {900, height},
      gnuplot_array("label", labels_of(study), 44) +
          heading_text("Completion time / even spraying over all paths"),
      heading_label(height) +
          fmt::format(
              "  set yrange [{}:-0.7]\n  set xrange [0:{}]\n  set lmargin 40\n  set tmargin 4\n{}"
              "  set xlabel 'completion / even spraying'\n"
              "  set arrow 1 from 1,graph 0 to 1,graph 1 nohead dt 2 lc rgb '#333333'\n"
              "  plot 'completion.tsv' using 2:1:(0):2:($1-0.36):($1+0.36):5 with boxxyerror "
              "fs solid noborder lc rgb variable notitle, '' using 2:1:3:4 with xerrorbars "
              "pt 0 lc rgb '#333333' notitle\n  unset arrow 1\n",
              static_cast<double>(rows) - 0.3, most * 1.08, tics));
  return figure;
}

/// Seconds of bytes on every loaded link of the fabric, relative to the busiest, one row per
/// outcome.
Figure heat_map(const StudyResult& study) {
  Figure figure{"link_load", "Load of every link relative to the busiest of its row", "", ""};
  std::vector<std::size_t> links;
  for (std::size_t l = 0; l < study.link_names.size(); ++l)
    if (std::ranges::any_of(study.outcomes, [&](const auto& o) { return o.link_bytes[l] > 0; }))
      links.push_back(l);
  if (links.empty() || links.size() > kMostLinks) return figure;
  for (const auto& o : study.outcomes) {
    double most = 0;
    for (const auto l : links) most = std::max(most, o.link_bytes[l] / study.link_capacity[l]);
    std::string row;
    for (const auto l : links)
      fmt::format_to(std::back_inserter(row), "{}{:.5g}", row.empty() ? "" : "\t",
                     most > 0 ? o.link_bytes[l] / study.link_capacity[l] / most : 0);
    figure.data += row + "\n";
  }
  const auto rows = study.outcomes.size();
  const int height = 120 + 26 * static_cast<int>(rows);
  const auto tics = row_labels(rows);
  figure.script = framed_script(
      figure, {1000, height},
      gnuplot_array("label", labels_of(study), 44) +
          heading_text("Load of every link / busiest link of the row"),
      heading_label(height) +
          fmt::format(
              "  set palette defined (0 '#440154', 1 '#3b528b', 2 '#21918c', 3 '#5ec962', "
              "4 '#fde725')\n  set cbrange [0:1]\n  set lmargin 40\n  set tmargin 4\n  unset grid\n"
              "  set yrange [{}:-0.5]\n  set xrange [-0.5:{}]\n{}"
              "  set xlabel 'loaded links, in the order of the JSON result'\n"
              "  plot 'link_load.tsv' matrix with image notitle\n",
              static_cast<double>(rows) - 0.5, static_cast<double>(links.size()) - 0.5, tics));
  return figure;
}

}  // namespace

std::vector<Figure> study_figures(const StudyResult& study) {
  std::vector<Figure> figures;
  for (auto& figure : {bars(study), heat_map(study)})
    if (!figure.script.empty()) figures.push_back(figure);
  return figures;
}

}  // namespace moesim
