#include <fmt/format.h>

#include <algorithm>

#include "sim/report/gnuplot.hpp"
#include "sim/report/human.hpp"
#include "sim/report/sweep_figure_kinds.hpp"

namespace moesim {
namespace {

constexpr std::size_t kMostNumbers = 160;  ///< cells that carry their value as text

struct Cell {
  std::size_t design = 0;
  bool known = false;
};

/// [y][x]: the best design of every pair of values.
std::vector<std::vector<Cell>> cells_of(const SweepTable& table, std::size_t x, std::size_t y) {
  const auto& axes = table.file().axes;
  std::vector<std::vector<Cell>> cells(axes[y].values.size(),
                                       std::vector<Cell>(axes[x].values.size()));
  for (std::size_t d = 0; d < table.rows().size(); ++d) {
    if (!table.rows()[d].violation || !table.rows()[d].objectives[0]) continue;
    const auto& choice = table.space().choice(d);
    auto& cell = cells[static_cast<std::size_t>(choice[y])][static_cast<std::size_t>(choice[x])];
    if (!cell.known || table.better(table.rows()[d], table.rows()[cell.design])) cell = {d, true};
  }
  return cells;
}

}  // namespace

Figure heat_map_figure(const SweepTable& table) {
  Figure figure{"heat_map", "The first objective over two axes, the best over all others", "", ""};
  const auto axes = varied_axes(table);
  const auto best = table.best();
  if (axes.size() < 2 || !best) return figure;
  const auto x = axes[0], y = axes[1];
  const auto& ax = table.file().axes[x];
  const auto& ay = table.file().axes[y];
  const auto cells = cells_of(table, x, y);
  const bool numbers = ax.values.size() * ay.values.size() <= kMostNumbers;
  double low = 1e300, high = -1e300;
  std::string image, text;
  for (std::size_t r = 0; r < cells.size(); ++r)
    for (std::size_t c = 0; c < cells[r].size(); ++c) {
      const auto& cell = cells[r][c];
      const double value = cell.known ? *drawn_value(table, cell.design, 0) : 0;
      image += cell.known ? fmt::format("{}\t{}\t{}\n", c, r, value)
                          : fmt::format("{}\t{}\tNaN\n", c, r);
      if (!cell.known) continue;
      low = std::min(low, value);
      high = std::max(high, value);
      text += fmt::format("{}\t{}\t{}\t{}{}\n", c, r, value, human_number(value),
                          table.rows()[cell.design].feasible() ? "" : " x");
    }
  figure.data = "# x, y, value\n" + image + "\n\n# x, y, value, text\n" + text;
  const auto& choice = table.space().choice(*best);
  const int bx = choice[x], by = choice[y];
  const auto height = std::clamp(static_cast<int>(ay.values.size()) * 44 + 170, 300, 720);
  const double middle = (low + high) / 2;
  auto preamble =
      heading_text(table.file().title) + kSweepPalette +
      fmt::format("xname = {}\nyname = {}\nvname = {}\n", gnuplot_string(ax.name),
                  gnuplot_string(ay.name), gnuplot_string(drawn_objective(table, 0).label));
  auto body =
      heading_label(height) +
      fmt::format(
          "  set tmargin 3\n  unset grid\n  unset key\n  set xlabel xname\n  set ylabel "
          "yname\n  set cblabel vname offset 2.2,0\n  set colorbox noborder\n  set xrange "
          "[-0.5:{}]\n  set yrange [-0.5:{}]\n  set xtics {}{}\n  set ytics {}\n"
          "  set object 1 rectangle from {},{} to {},{} front fillstyle empty border lc "
          "rgb '{}' lw 3\n",
          static_cast<double>(ax.values.size()) - 0.5, static_cast<double>(ay.values.size()) - 0.5,
          value_marks(ax, 16, 14), ax.numeric ? "" : " rotate by -20", value_marks(ay, 24, 22),
          bx - 0.48, by - 0.46, bx + 0.48, by + 0.46, series_color(3));
  body += "  plot 'heat_map.tsv' index 0 using 1:2:3 with image";
  if (numbers)
    body += fmt::format(
        ",\\\n    '' index 1 using 1:2:4:($3 < {} ? 0xffffff : 0x222222) with labels font ',10' "
        "textcolor rgb variable",
        middle);
  figure.script = framed_script(figure, {960, height}, preamble, body + "\n");
  if (text.find(" x\n") != std::string::npos) figure.caption += "; x: misses a constraint";
  return figure;
}

}  // namespace moesim
