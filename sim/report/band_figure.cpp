#include <fmt/format.h>

#include <algorithm>

#include "sim/report/gnuplot.hpp"
#include "sim/report/sweep_figure_kinds.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

struct Line {
  std::string title, rows;
};

/// Position of a value: its number, or its index where the axis has no numbers.
double position(const Axis& axis, std::size_t value) {
  return axis.numeric ? axis.numbers[value] : static_cast<double>(value);
}

/// Marks at the values themselves while they fit.
std::string marks_at(const Axis& axis) {
  if (axis.values.size() > 12) return "";
  std::string marks;
  for (std::size_t v = 0; v < axis.values.size(); ++v)
    marks +=
        fmt::format("{}{} {}", v == 0 ? "" : ", ",
                    gnuplot_string(shorten(one_line(axis.values[v].label), 12)), axis.numbers[v]);
  return "  set xtics (" + marks + ")\n";
}

/// The designs along axis `x` that share all other values with `choice`.
Line line_of(const SweepTable& table, std::size_t x, std::vector<int> choice) {
  Line line;
  const auto& axis = table.file().axes[x];
  const double factor = drawn_objective(table, 0).factor;
  for (std::size_t v = 0; v < axis.values.size(); ++v) {
    choice[x] = static_cast<int>(v);
    const auto design = table.space().find(choice);
    if (design == table.space().designs()) continue;
    const auto& estimate = table.rows()[design].objectives[0];
    if (!estimate) continue;
    line.rows += fmt::format("{}\t{}\t{}\t{}\n", position(axis, v), estimate->mean * factor,
                             (estimate->mean - estimate->half_width) * factor,
                             (estimate->mean + estimate->half_width) * factor);
  }
  return line;
}

}  // namespace

Figure band_figure(const SweepTable& table) {
  Figure figure{"lines", "The first objective along one axis; other axes as in the best design", "",
                ""};
  const auto axes = varied_axes(table);
  const auto best = table.best();
  if (axes.empty() || !best) return figure;
  const auto by_number =
      std::ranges::find_if(axes, [&](auto a) { return table.file().axes[a].numeric; });
  const auto x = by_number == axes.end() ? axes[0] : *by_number;
  const auto other = std::ranges::find_if(axes, [&](auto a) { return a != x; });
  const auto& axis = table.file().axes[x];
  std::vector<Line> lines;
  auto choice = table.space().choice(*best);
  if (other == axes.end()) {
    lines.push_back(line_of(table, x, choice));
  } else {
    const auto& along = table.file().axes[*other];
    const auto step = (along.values.size() + kColorCount - 1) / kColorCount;
    for (std::size_t v = 0; v < along.values.size(); v += step) {
      choice[*other] = static_cast<int>(v);
      auto line = line_of(table, x, choice);
      line.title = fmt::format("{} {}", short_name(along.name), along.values[v].label);
      if (!line.rows.empty()) lines.push_back(std::move(line));
    }
  }
  std::vector<std::string> titles;
  std::string bands, curves;
  figure.data = "# one block per line: position, mean, low, high\n";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    figure.data += lines[i].rows + "\n\n";
    titles.push_back(lines[i].title);
    const auto color = series_color(i);
    if (table.file().repeats > 1)
      bands += fmt::format(
          "'lines.tsv' index {} using 1:3:4 with filledcurves fs transparent solid 0.18 noborder "
          "lc "
          "rgb '{}' notitle,\\\n    ",
          i, color);
    curves += fmt::format(
        "{}'lines.tsv' index {} using 1:2 with linespoints pt 7 ps 0.6 lw 2 lc rgb '{}' {}",
        i == 0 ? "" : ",\\\n    ", i, color,
        lines[i].title.empty() ? "notitle" : fmt::format("title name[{}]", i + 1));
  }
  if (curves.empty()) return figure;
  if (table.file().repeats > 1)
    figure.caption += fmt::format("; bands: 95 % confidence over {} seeds", table.file().repeats);
  const auto preamble = heading_text(table.file().title) + gnuplot_array("name", titles, 34) +
                        fmt::format("xname = {}\nyname = {}\n", gnuplot_string(axis.name),
                                    gnuplot_string(drawn_objective(table, 0).label));
  std::string marks;
  if (!axis.numeric)
    marks = "  set xtics " + value_marks(axis, 16, 14) + "\n";
  else if (axis.logarithmic)
    marks = "  set logscale x 2\n" + marks_at(axis);
  const auto body = heading_label(480) +
                    "  set tmargin 3\n  set xlabel xname\n  set ylabel yname\n  set key outside "
                    "right top vertical reverse Left\n  set autoscale xfix\n  set offsets graph "
                    "0.02, graph 0.02, graph "
                    "0.05, graph 0.05\n" +
                    marks + "  plot " + bands + curves + "\n";
  figure.script = framed_script(figure, {960, 480}, preamble, body);
  return figure;
}

}  // namespace moesim
