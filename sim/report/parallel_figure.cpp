#include <fmt/format.h>

#include <algorithm>

#include "sim/report/gnuplot.hpp"
#include "sim/report/human.hpp"
#include "sim/report/sweep_figure_kinds.hpp"
#include "sim/report/sweep_summary.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

constexpr std::size_t kMostLines = 1000;
constexpr std::size_t kMostMarks = 9;

/// One upright axis: where a design crosses it, from 0 to 1, and what stands beside it.
struct Upright {
  std::string name;
  std::vector<std::pair<double, std::string>> marks;
};

double share_of(std::size_t value, std::size_t values) {
  return static_cast<double>(value) / static_cast<double>(values - 1);
}

Upright upright_of(const Axis& axis) {
  Upright upright{short_name(axis.name), {}};
  const auto step = (axis.values.size() + kMostMarks - 1) / kMostMarks;
  for (std::size_t v = 0; v < axis.values.size(); v += step)
    upright.marks.emplace_back(share_of(v, axis.values.size()), axis.values[v].label);
  return upright;
}

struct Range {
  double low = 1e300, high = -1e300;
  double share(double value) const { return high > low ? (value - low) / (high - low) : 0.5; }
};

std::vector<Range> ranges_of(const SweepTable& table, const std::vector<std::size_t>& designs) {
  std::vector<Range> ranges(table.file().objectives.size());
  for (const auto d : designs)
    for (std::size_t o = 0; o < ranges.size(); ++o)
      if (const auto value = drawn_value(table, d, o)) {
        ranges[o].low = std::min(ranges[o].low, *value);
        ranges[o].high = std::max(ranges[o].high, *value);
      }
  return ranges;
}

std::string marks_text(const std::vector<Upright>& uprights) {
  std::string out;
  int label = 1;
  for (std::size_t i = 0; i < uprights.size(); ++i) {
    out += fmt::format("  set arrow {} from {},0 to {},1 nohead lc rgb '#999999' lw 1 front\n",
                       i + 1, i, i);
    for (const auto& [at, text] : uprights[i].marks)
      out += fmt::format(
          "  set label {} {} at {},{} left offset 0.7,0 font ',10' textcolor rgb '#333333' boxed "
          "front\n",
          label++, gnuplot_string(shorten(one_line(text), 20)), i, at);
  }
  return out;
}

}  // namespace

Figure parallel_figure(const SweepTable& table) {
  Figure figure{"parallel",
                "Every design as a line through its values and objectives; colour: first objective",
                "", ""};
  auto designs = ranked_designs(table);
  const auto axes = varied_axes(table);
  if (designs.size() < 2 || axes.empty()) return figure;
  designs.resize(std::min(designs.size(), kMostLines));
  const auto ranges = ranges_of(table, designs);
  std::vector<Upright> uprights;
  for (const auto a : axes) uprights.push_back(upright_of(table.file().axes[a]));
  for (std::size_t o = 0; o < ranges.size(); ++o)
    uprights.push_back({drawn_objective(table, o).label,
                        {{0, human_number(ranges[o].low)}, {1, human_number(ranges[o].high)}}});
  figure.data = "# one block per design, the best last: upright, height, first objective\n";
  for (std::size_t i = designs.size(); i-- > 0;) {
    const auto d = designs[i];
    const double color = *drawn_value(table, d, 0);
    std::size_t at = 0;
    for (const auto a : axes)
      figure.data += fmt::format("{}\t{}\t{}\n", at++,
                                 share_of(static_cast<std::size_t>(table.space().choice(d)[a]),
                                          table.file().axes[a].values.size()),
                                 color);
    for (std::size_t o = 0; o < ranges.size(); ++o, ++at)
      if (const auto value = drawn_value(table, d, o))
        figure.data += fmt::format("{}\t{}\t{}\n", at, ranges[o].share(*value), color);
    figure.data += i > 0 ? "\n" : "";
  }
  std::string names;
  for (std::size_t i = 0; i < uprights.size(); ++i)
    names += fmt::format("{}{} {}", i == 0 ? "" : ", ",
                         gnuplot_string(shorten(one_line(uprights[i].name), 22)), i);
  const auto preamble =
      heading_text(table.file().title) + kSweepPalette +
      fmt::format("vname = {}\n", gnuplot_string(drawn_objective(table, 0).label));
  const auto body =
      heading_label(520) + marks_text(uprights) +
      fmt::format(
          "  set tmargin 3\n  unset key\n  unset grid\n  set border 0\n  set style textbox opaque "
          "noborder fillcolor rgb '#ffffff' margins 0.3,0.2\n  unset ytics\n  set xtics "
          "({}) scale 0\n  set xrange [-0.1:{}]\n  set yrange [-0.04:1.04]\n  set cblabel vname "
          "offset 2.2,0\n"
          "  set colorbox noborder\n  plot 'parallel.tsv' using 1:2:3 with lines lw {} lc "
          "palette\n",
          names, static_cast<double>(uprights.size()) - 0.6, designs.size() > 200 ? 1.0 : 1.6);
  figure.script = framed_script(figure, {1040, 520}, preamble, body);
  return figure;
}

}  // namespace moesim
