#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sim/report/figure_kinds.hpp"
#include "sim/report/ledger.hpp"
#include "sim/report/text.hpp"

namespace moesim {
std::vector<Figure> ledger_figures(const Ledger& ledger) {
  std::vector<std::string> names;
  for (const auto& point : ledger.points) index_in(names, point.name);
  std::vector<Figure> figures;
  for (const auto& name : names) {
    std::vector<std::string> groups, metrics;
    std::map<std::pair<std::size_t, std::size_t>, std::string> rows;  // metric, group
    for (const auto& p : ledger.points) {
      if (p.name != name || p.measured <= 0 || p.predicted <= 0) continue;
      const auto metric = index_in(metrics, p.metric), group = index_in(groups, p.group);
      rows[{metric, group}] += fmt::format("{}\t{}\n", p.measured * 1e3, p.predicted * 1e3);
    }
    if (rows.empty()) continue;
    Figure figure{"accuracy_" + name,
                  "Predicted against measured " + name + ", by regime; grey: within 25 %", "", ""};
    const int legend = 20 * static_cast<int>((groups.size() + 2) / 3) + 12;
    const int height = 470 + legend;
    std::string body = fmt::format(
        "  set multiplot layout 1,{} margins 0.08,0.98,{:.4f},{:.4f} spacing 0.08,0.1\n"
        "  set logscale xy\n  unset key\n{}",
        metrics.size(), (60.0 + legend) / height, 1 - 84.0 / height, heading_label(height));
    for (std::size_t g = 0; g < groups.size(); ++g)
      body += fmt::format(
          "  set label {} regime[{}] at screen {:.4f},{:.4f} left offset 1.2,0 font ',11' point pt "
          "{} ps 0.8 lc rgb '{}'\n",
          10 + g, g + 1, 0.05 + 0.32 * static_cast<double>(g % 3),
          static_cast<double>(legend - 12 - 20 * static_cast<int>(g / 3)) / height,
          g / kColorCount % 2 == 0 ? 7 : 5, series_color(g));
    int index = 0;
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      body +=
          fmt::format("  set title '{}'\n  set xlabel 'measured [ms]'\n  set ylabel '{}'\n  plot ",
                      metrics[m], m == 0 ? "predicted [ms]" : "");
      body +=
          "1.25*x with lines lc rgb '#bbbbbb', 0.75*x with lines lc rgb '#bbbbbb', x with lines lc "
          "rgb '#333333'";
      for (std::size_t g = 0; g < groups.size(); ++g) {
        const auto found = rows.find({m, g});
        if (found == rows.end()) continue;
        figure.data += fmt::format("# {}, {}: measured, predicted [ms]\n{}\n\n", metrics[m],
                                   one_line(groups[g]), found->second);
        body += fmt::format(", '{}.tsv' index {} with points pt {} ps 0.5 lc rgb '{}'", figure.name,
                            index++, g / kColorCount % 2 == 0 ? 7 : 5, series_color(g));
      }
      body += "\n  unset label\n";
    }
    const auto preamble = gnuplot_array("regime", groups, 42) +
                          heading_text("Predicted against measured: " + name + ", version " +
                                       ledger.version + ", " + ledger.date);
    figure.script = framed_script(figure, {960, height}, preamble, body + "  unset multiplot\n");
    figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace moesim
