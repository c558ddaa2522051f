#include <fmt/format.h>

#include <algorithm>

#include "sim/report/gnuplot.hpp"
#include "sim/report/sweep_figure_kinds.hpp"
#include "sim/report/text.hpp"
#include "sim/sweep/pareto.hpp"

namespace moesim {
namespace {

constexpr std::size_t kMostKnees = 3;

std::string row_of(const SweepTable& table, std::size_t design) {
  return fmt::format("{}\t{}\n", *drawn_value(table, design, 1), *drawn_value(table, design, 0));
}

bool is_drawn(const SweepTable& table, std::size_t design) {
  return table.rows()[design].violation && !table.costs(table.rows()[design]).empty();
}

/// The front of the first two objectives alone: with a third, others are on the full front too.
std::vector<std::size_t> front_of_two(const SweepTable& table) {
  std::vector<std::vector<double>> costs;
  std::vector<std::size_t> designs;
  for (std::size_t d = 0; d < table.rows().size(); ++d) {
    if (!table.rows()[d].feasible() || !is_drawn(table, d)) continue;
    const auto all = table.costs(table.rows()[d]);
    costs.push_back({all[1], all[0]});
    designs.push_back(d);
  }
  std::vector<std::size_t> front;
  for (const auto i : pareto_front(costs)) front.push_back(designs[i]);
  return front;
}

/// Ends and knees of the front: what is labelled.
std::vector<std::size_t> labelled(const SweepTable& table, const std::vector<std::size_t>& front) {
  std::vector<std::vector<double>> costs;
  for (const auto d : front) {
    const auto all = table.costs(table.rows()[d]);
    costs.push_back({all[1], all[0]});
  }
  std::vector<std::size_t> designs;
  if (!front.empty()) designs.push_back(front.front());
  for (const auto k : knees_of(costs, kMostKnees)) designs.push_back(front[k]);
  if (front.size() > 1) designs.push_back(front.back());
  return designs;
}

struct Box {
  double low = 1e300, high = -1e300;
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  double at(double share) const { return low + share * (high - low); }
};

/// Labels stand beside their points, towards the inside of the picture and off the front's side.
std::string labels_of(const SweepTable& table, const std::vector<std::size_t>& designs,
                      const Box& x_box) {
  std::string out;
  const bool up = table.file().objectives[0].maximize;
  const bool right = table.file().objectives[1].maximize;
  for (std::size_t i = 0; i < designs.size(); ++i) {
    const double x = *drawn_value(table, designs[i], 1), y = *drawn_value(table, designs[i], 0);
    const bool left_side = x > x_box.at(0.6) || (right && x > x_box.at(0.3));
    out += fmt::format(
        "  set label {} knee[{}] at {},{} {} offset {},{} font ',11' textcolor rgb '#333333' "
        "front\n",
        i + 1, i + 1, x, y, left_side ? "right" : "left", left_side ? -1.2 : 1.2, up ? -0.6 : 0.6);
  }
  return out;
}

}  // namespace

Figure pareto_figure(const SweepTable& table) {
  Figure figure{"pareto", "Every design by two objectives, and the front of those nobody beats", "",
                ""};
  if (table.file().objectives.size() < 2) return figure;
  const auto front = front_of_two(table);
  const auto designs = labelled(table, front);
  std::string feasible, infeasible, best, marks;
  Box x;
  for (std::size_t d = 0; d < table.rows().size(); ++d) {
    if (!is_drawn(table, d)) continue;
    (table.rows()[d].feasible() ? feasible : infeasible) += row_of(table, d);
    x.add(*drawn_value(table, d, 1));
  }
  if (feasible.empty() && infeasible.empty()) return figure;
  for (const auto d : front) best += row_of(table, d);
  for (const auto d : designs) marks += row_of(table, d);
  const auto block = [](const char* name, const std::string& rows) {
    return fmt::format("# {}\n{}\n\n", name, rows.empty() ? "NaN\tNaN\n" : rows);
  };
  figure.data = block("meets the constraints", feasible) +
                block("misses a constraint", infeasible) + block("front", best) +
                block("ends and knees", marks);
  std::vector<std::string> texts;
  for (const auto d : designs) texts.push_back(short_settings(table, d, front));
  const auto preamble =
      heading_text(table.file().title) + gnuplot_array("knee", texts, 60) +
      fmt::format("xname = {}\nyname = {}\n", gnuplot_string(drawn_objective(table, 1).label),
                  gnuplot_string(drawn_objective(table, 0).label));
  const bool misses = !infeasible.empty();
  const auto body = heading_label(520) + labels_of(table, designs, x) +
                    fmt::format(
                        "  set tmargin 3\n  set bmargin 5\n  set offsets graph 0.04, graph 0.06, "
                        "graph 0.06, graph "
                        "0.06\n  set xlabel xname\n  set ylabel yname\n  set key outside bottom "
                        "center horizontal reverse Left\n"
                        "  plot {}'pareto.tsv' index 0 with points pt 7 ps 0.55 lc rgb '#9ecae1' "
                        "title 'design',\\\n"
                        "    '' index 2 with lines lw 2 lc rgb '{}' title 'Pareto front',\\\n"
                        "    '' index 2 with points pt 7 ps 0.7 lc rgb '{}' notitle,\\\n"
                        "    '' index 3 with points pt 6 ps 1.5 lw 2 lc rgb '{}' title 'ends and "
                        "knees'\n",
                        misses ? "'pareto.tsv' index 1 with points pt 6 ps 0.5 lc rgb '#c0c0c0' "
                                 "title 'misses a constraint',\\\n    "
                               : "",
                        series_color(0), series_color(0), series_color(3));
  figure.script = framed_script(figure, {960, 520}, preamble, body);
  return figure;
}

}  // namespace moesim
