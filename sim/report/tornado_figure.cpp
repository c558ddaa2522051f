#include <fmt/format.h>

#include <algorithm>

#include "sim/report/gnuplot.hpp"
#include "sim/report/sweep_figure_kinds.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

/// How far the first objective moves along one axis from the best design, in percent of its value
/// there, and the values at both ends.
struct Swing {
  std::string axis, low_label, high_label;
  double low = 0, high = 0;
};

Swing swing_of(const SweepTable& table, std::size_t best, std::size_t a) {
  const auto& axis = table.file().axes[a];
  auto choice = table.space().choice(best);
  const double base = *drawn_value(table, best, 0);
  const auto& own = axis.values[static_cast<std::size_t>(choice[a])].label;
  Swing swing{axis.name, own, own, 0, 0};
  for (std::size_t v = 0; v < axis.values.size(); ++v) {
    choice[a] = static_cast<int>(v);
    const auto design = table.space().find(choice);
    if (design == table.space().designs()) continue;
    const auto value = drawn_value(table, design, 0);
    if (!value) continue;
    const double change = base != 0 ? (*value / base - 1) * 100 : 0;
    if (change < swing.low) swing.low = change, swing.low_label = axis.values[v].label;
    if (change > swing.high) swing.high = change, swing.high_label = axis.values[v].label;
  }
  return swing;
}

}  // namespace

Figure tornado_figure(const SweepTable& table) {
  Figure figure{"tornado",
                "What the first objective does when one axis at a time leaves the best design", "",
                ""};
  const auto axes = varied_axes(table);
  const auto best = table.best();
  if (axes.empty() || !best) return figure;
  std::vector<Swing> swings;
  for (const auto a : axes) swings.push_back(swing_of(table, *best, a));
  std::ranges::stable_sort(
      swings, [](const Swing& a, const Swing& b) { return a.high - a.low > b.high - b.low; });
  double low = 0, high = 0;
  std::vector<std::string> names, lows, highs;
  figure.data = "# row, from, to: percent of the best design's value\n";
  for (std::size_t i = 0; i < swings.size(); ++i) {
    const auto& s = swings[i];
    figure.data += fmt::format("{}\t{}\t{}\n", i, s.low, s.high);
    low = std::min(low, s.low);
    high = std::max(high, s.high);
    names.push_back(s.axis);
    lows.push_back(s.low < 0 ? fmt::format("{} ({:.3g} %)", s.low_label, s.low) : s.low_label);
    highs.push_back(s.high > 0 ? fmt::format("{} (+{:.3g} %)", s.high_label, s.high)
                               : s.high_label);
  }
  const double room = std::max(1.0, (high - low) * 0.3);
  const int height = static_cast<int>(swings.size()) * 48 + 150;
  std::string marks, texts;
  for (std::size_t i = 0; i < swings.size(); ++i) {
    marks += fmt::format("{}{} {}", i == 0 ? "" : ", ",
                         gnuplot_string(shorten(one_line(names[i]), 34)), i);
    texts += fmt::format(
        "  set label {} low[{}] at {},{} right offset -0.8,0 font ',11' textcolor rgb '#333333'\n"
        "  set label {} high[{}] at {},{} left offset 0.8,0 font ',11' textcolor rgb '#333333'\n",
        2 * i + 1, i + 1, swings[i].low, i, 2 * i + 2, i + 1, swings[i].high, i);
  }
  const auto preamble =
      heading_text(table.file().title) + gnuplot_array("low", lows, 34) +
      gnuplot_array("high", highs, 34) +
      fmt::format("xname = {}\n", gnuplot_string("change of " + table.file().objectives[0].name +
                                                 " [% of the best design]"));
  const auto body =
      heading_label(height) + texts +
      fmt::format(
          "  set tmargin 3\n  unset key\n  unset grid\n  set grid xtics lc rgb '#e0e0e0'\n  set "
          "xlabel xname\n  set xrange [{}:{}]\n  set yrange [{}:-0.6]\n  set ytics ({})\n"
          "  set arrow 1 from 0,{} to 0,-0.6 nohead lc rgb '#333333' lw 1 front\n"
          "  plot 'tornado.tsv' using (($2+$3)/2):1:2:3:($1-0.28):($1+0.28) with boxxyerror fs "
          "solid 0.85 noborder lc rgb '{}'\n",
          low - room, high + room, static_cast<double>(swings.size()) - 0.4, marks,
          static_cast<double>(swings.size()) - 0.4, series_color(0));
  figure.script = framed_script(figure, {960, height}, preamble, body);
  return figure;
}

}  // namespace moesim
