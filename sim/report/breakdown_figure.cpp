#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sim/report/figure_kinds.hpp"
#include "sim/report/gnuplot.hpp"
#include "sim/report/human.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

/// As many phases as there are colours; the smallest of more become "other".
constexpr std::size_t kMaxPhases = 8;
/// A narrower segment has no room for its label.
constexpr double kLabelShare = 0.055;

double steps_of(const Result& r) {
  return static_cast<double>(r.prefill_steps + r.decode_steps + r.mixed_steps);
}

/// Phase names in the order of the results, the largest kMaxPhases by their mean share.
std::vector<std::string> phases_of(std::span<const Result> results) {
  std::vector<std::string> order;
  std::map<std::string, double> share;
  for (const auto& result : results) {
    double sum = 0;
    for (const auto& [phase, seconds] : result.time_breakdown_s) sum += seconds;
    for (const auto& [phase, seconds] : result.time_breakdown_s) {
      if (std::find(order.begin(), order.end(), phase) == order.end()) order.push_back(phase);
      if (sum > 0) share[phase] += seconds / sum;
    }
  }
  if (order.size() <= kMaxPhases) return order;
  auto by_share = order;
  std::stable_sort(by_share.begin(), by_share.end(),
                   [&](const auto& a, const auto& b) { return share[a] > share[b]; });
  by_share.resize(kMaxPhases - 1);
  std::erase_if(order, [&](const auto& phase) {
    return std::find(by_share.begin(), by_share.end(), phase) == by_share.end();
  });
  order.push_back("other");
  return order;
}

/// Mean milliseconds per step of each phase; what is not listed goes to the last.
std::vector<double> bar_ms(const Result& result, const std::vector<std::string>& phases) {
  std::vector<double> bar(phases.size());
  for (const auto& [phase, seconds] : result.time_breakdown_s) {
    const auto found = std::find(phases.begin(), phases.end(), phase);
    const auto slot = found == phases.end() ? phases.size() - 1
                                            : static_cast<std::size_t>(found - phases.begin());
    bar[slot] += seconds / steps_of(result) * 1e3;
  }
  return bar;
}

struct Drawn {
  std::string blocks;  ///< one per phase: y, from [ms], to [ms]
  std::string labels;  ///< x, y, text, colour
};

Drawn draw(const std::vector<std::vector<double>>& bars) {
  Drawn drawn;
  std::vector<double> total;
  double longest = 0;
  for (const auto& bar : bars) {
    double sum = 0;
    for (const double part : bar) sum += part;
    total.push_back(sum);
    longest = std::max(longest, sum);
  }
  std::vector<double> from(bars.size());
  for (std::size_t p = 0; p < bars[0].size(); ++p) {
    for (std::size_t i = 0; i < bars.size(); ++i) {
      const double to = from[i] + bars[i][p];
      drawn.blocks += fmt::format("{}\t{}\t{}\n", i, from[i], to);
      if (bars[i][p] > kLabelShare * longest)
        drawn.labels += fmt::format("{}\t{}\t{:.0f} %\t{}\n", (from[i] + to) / 2, i,
                                    bars[i][p] / total[i] * 100, color_number(text_color_on(p)));
      from[i] = to;
    }
    drawn.blocks += "\n\n";
  }
  if (drawn.labels.empty()) drawn.labels = "0\t0\t \t0\n";
  return drawn;
}

}  // namespace

Figure breakdown_figure(std::span<const Result> results) {
  Figure figure{"step_time", "Mean time of an engine step by phase", "", ""};
  const auto phases = phases_of(results);
  const bool complete = std::all_of(results.begin(), results.end(), [](const auto& r) {
    return steps_of(r) > 0 && !r.time_breakdown_s.empty();
  });
  if (phases.empty() || !complete) return figure;
  std::vector<std::vector<double>> bars;
  for (const auto& result : results) bars.push_back(bar_ms(result, phases));
  const auto drawn = draw(bars);
  figure.data = "# one block per phase: run, from [ms], to [ms]; last block: labels\n" +
                drawn.blocks + drawn.labels;
  const auto titles = titles_of(results);
  const bool single = results.size() == 1;
  const int height = std::max(130 + 42 * static_cast<int>(results.size()),
                              84 + 25 * static_cast<int>(phases.size()));
  std::string body = fmt::format(
      "{}  set tmargin at screen {:.4f}\n  set xlabel 'mean time per engine step [ms]'\n"
      "  set yrange [{}:-0.6]\n  set xrange [0:*]\n  unset ytics\n  set border 1\n"
      "  set grid noytics xtics\n  set lmargin at screen {}\n  set rmargin at screen 0.79\n"
      "  set key at screen 0.805,{:.4f} left top vertical maxcols 1 reverse Left\n",
      heading_label(height), 1 - 48.0 / height, static_cast<double>(results.size()) - 0.4,
      single ? "0.03" : "0.24", 1 - 44.0 / height);
  if (!single)
    for (std::size_t i = 0; i < titles.size(); ++i)
      body += fmt::format(
          "  set label {} run[{}] at graph -0.015, first {} right textcolor rgb "
          "'#333333'\n",
          i + 1, i + 1, i);
  body += "  plot ";
  for (std::size_t p = 0; p < phases.size(); ++p)
    body += fmt::format(
        "'step_time.tsv' index {} using 3:1:2:3:($1-0.36):($1+0.36) with "
        "boxxyerror fs solid noborder lc rgb '{}' title phase[{}], ",
        p, series_color(p), p + 1);
  body += fmt::format("'step_time.tsv' index {} using 1:2:3:4 with labels textcolor rgb variable\n",
                      phases.size());
  const auto heading = single && !results[0].title.empty()
                           ? "Where a step's time goes: " + one_line(results[0].title)
                           : std::string("Where a step's time goes");
  figure.script = framed_script(
      figure, {960, height},
      gnuplot_array("run", titles, 30) + gnuplot_array("phase", phases, 20) + heading_text(heading),
      body + "  unset label\n");
  return figure;
}

}  // namespace moesim
