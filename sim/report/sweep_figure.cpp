#include "sim/report/sweep_figure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/report/gnuplot.hpp"
#include "sim/report/sweep_figure_kinds.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

/// "ttft_s.p99" and "steps.mean_decode_s" are times, "requests_per_s" is not.
bool is_time(const std::string& figure) {
  const auto at = figure.find("_s.") != std::string::npos ? figure.find("_s.") : figure.rfind("_s");
  if (at == std::string::npos) return false;
  const bool ends = at + 2 == figure.size() || figure[at + 2] == '.';
  return ends && !figure.substr(0, at).ends_with("_per");
}

}  // namespace

const char* const kSweepPalette =
    "set palette defined (0 '#440154', 1 '#472d7b', 2 '#3b528b', 3 '#2c728e', 4 '#21918c', "
    "5 '#28ae80', 6 '#5ec962', 7 '#addc30', 8 '#fde725')\n";

DrawnObjective drawn_objective(const SweepTable& table, std::size_t objective) {
  const auto& goal = table.file().objectives[objective];
  const bool plain = goal.value.names().size() == 1 && goal.value.names()[0] == goal.value.text();
  if (plain && is_time(goal.value.text())) return {goal.name + " [ms]", 1e3};
  return {goal.name, 1};
}

std::optional<double> drawn_value(const SweepTable& table, std::size_t design,
                                  std::size_t objective) {
  const auto& estimate = table.rows()[design].objectives[objective];
  if (!estimate) return std::nullopt;
  return estimate->mean * drawn_objective(table, objective).factor;
}

std::string short_name(const std::string& axis) {
  const auto dot = axis.rfind('.');
  return dot == std::string::npos || dot + 1 == axis.size() ? axis : axis.substr(dot + 1);
}

std::string short_settings(const SweepTable& table, std::size_t design,
                           const std::vector<std::size_t>& among) {
  std::string text;
  for (std::size_t a = 0; a < table.file().axes.size(); ++a) {
    const auto value_of = [&](std::size_t d) { return table.space().choice(d)[a]; };
    const auto differs = [&](std::size_t d) { return value_of(d) != value_of(design); };
    if (std::ranges::none_of(among, differs)) continue;
    const auto& axis = table.file().axes[a];
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", short_name(axis.name),
                        axis.values[static_cast<std::size_t>(value_of(design))].label);
  }
  return text;
}

std::vector<std::size_t> varied_axes(const SweepTable& table) {
  std::vector<std::size_t> axes;
  for (std::size_t a = 0; a < table.file().axes.size(); ++a)
    if (table.file().axes[a].values.size() > 1) axes.push_back(a);
  std::ranges::stable_sort(axes, [&](std::size_t a, std::size_t b) {
    return table.file().axes[a].values.size() > table.file().axes[b].values.size();
  });
  return axes;
}

std::string value_marks(const Axis& axis, std::size_t most, std::size_t width) {
  const auto step = (axis.values.size() + most - 1) / most;
  std::string marks;
  for (std::size_t i = 0; i < axis.values.size(); i += step)
    marks += fmt::format("{}{} {}", marks.empty() ? "" : ", ",
                         gnuplot_string(shorten(one_line(axis.values[i].label), width)), i);
  return "(" + marks + ")";
}

std::vector<Figure> sweep_figures(const SweepTable& table) {
  std::vector<Figure> figures;
  for (const auto draw :
       {pareto_figure, heat_map_figure, band_figure, tornado_figure, parallel_figure})
    if (auto figure = draw(table); !figure.script.empty()) figures.push_back(std::move(figure));
  return figures;
}

}  // namespace moesim
