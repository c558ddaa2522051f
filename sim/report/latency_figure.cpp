#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "sim/report/figure_kinds.hpp"
#include "sim/report/gnuplot.hpp"
#include "sim/report/human.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

/// Points of a drawn line: more than a picture resolves, few enough for an HTML page.
constexpr std::size_t kMaxPoints = 500;

constexpr std::size_t kLegendColumns = 4;
constexpr int kLegendRow = 22;  ///< pixels

int legend_px(std::size_t runs) {
  return runs < 2 ? 0 : kLegendRow * static_cast<int>((runs - 1) / kLegendColumns + 1);
}

struct Panel {
  std::string_view name;
  double RequestRow::*value;
  Distribution Result::*summary;
  std::int64_t least_output_tokens;  ///< below, the request has no such figure
};

constexpr std::array<Panel, 3> kPanels = {
    {{"time to first token (TTFT)", &RequestRow::ttft_s, &Result::ttft_s, 0},
     {"time per output token (TPOT)", &RequestRow::tpot_s, &Result::tpot_s, 2},
     {"end to end (E2E)", &RequestRow::e2e_s, &Result::e2e_s, 0}}};

std::vector<double> sorted_values(const Result& result, const Panel& panel) {
  std::vector<double> values;
  for (const auto& row : result.requests)
    if (row.output_tokens >= panel.least_output_tokens) values.push_back(row.*panel.value);
  std::sort(values.begin(), values.end());
  return values;
}

/// The empirical distribution function, thinned to evenly spaced ranks; first and last value stay.
std::string block(const std::vector<double>& values, double scale) {
  std::string out;
  const auto points = std::min(values.size(), kMaxPoints);
  for (std::size_t i = 0; i < points; ++i) {
    const auto rank = points == 1 ? 0 : i * (values.size() - 1) / (points - 1);
    fmt::format_to(std::back_inserter(out), "{}\t{}\n", values[rank] * scale,
                   static_cast<double>(rank + 1) / static_cast<double>(values.size()));
  }
  return out.empty() ? "0\t0\n" : out;
}

/// A panel's axis, in ms or s, logarithmic where the tail would squeeze the rest.
std::string axis(double smallest, double median, double largest, bool in_seconds) {
  const double scale = in_seconds ? 1 : 1e3;
  const bool logarithmic = smallest > 0 && median > 0 && largest > 15 * median;
  auto out = fmt::format("  set xlabel '{}'\n", in_seconds ? "s" : "ms");
  if (logarithmic) return out + "  set logscale x\n  set xrange [*:*]\n  set xtics auto\n";
  const double step = round_step(largest * scale / 5);
  return out + fmt::format("  unset logscale x\n  set xrange [0:{}]\n  set xtics {}\n",
                           std::max(1.0, std::ceil(largest * scale / step)) * step, step);
}

/// A coloured square and the name of each run, in columns below the panels.
std::string legend(std::size_t runs, int height) {
  std::string out;
  for (std::size_t i = 0; i < runs; ++i)
    out += fmt::format(
        "  set label {} run[{}] at screen {:.4f},{:.4f} left offset 1.2,0 textcolor rgb '#333333' "
        "point pt {} ps 1 lc rgb '{}'\n",
        10 + i, i + 1, 0.05 + 0.24 * static_cast<double>(i % kLegendColumns),
        static_cast<double>(legend_px(runs) - 10 -
                            kLegendRow * static_cast<int>(i / kLegendColumns)) /
            height,
        i < kColorCount ? 5 : 4, series_color(i));  // filled, then open
  return out;
}

std::string annotation(const Result& result, const Panel& panel) {
  const auto& d = result.*panel.summary;
  if (d.count == 0)
    return "  set label 1 'no data' at graph 0.5,0.5 center textcolor rgb '#333333'\n";
  return fmt::format(
      "  set label 1 'p50  {}' at graph 0.97,0.20 right textcolor rgb '#333333'\n"
      "  set label 2 'p99  {}' at graph 0.97,0.11 right textcolor rgb '#333333'\n",
      human_time(d.p50), human_time(d.p99));
}

}  // namespace

Figure latency_figure(std::span<const Result> results) {
  Figure figure{"latency_cdf", "Share of the requests that are at least as fast", "", ""};
  const bool single = results.size() == 1;
  const auto titles = titles_of(results);
  const int height = 376 + legend_px(results.size());
  std::string body = fmt::format(
      "  set multiplot layout 1,3 margins 0.085,0.975,{:.4f},{:.4f} spacing 0.06,0.1\n"
      "  set yrange [0:1.02]\n  set ytics 0.25\n  unset key\n{}",
      (64.0 + legend_px(results.size())) / height, 1 - 84.0 / height, heading_label(height));
  if (!single) body += legend(results.size(), height);
  bool any = false;
  int index = 0;
  for (std::size_t p = 0; p < kPanels.size(); ++p) {
    const auto& panel = kPanels[p];
    std::vector<std::vector<double>> all;
    std::vector<double> pooled;
    for (const auto& result : results) {
      all.push_back(sorted_values(result, panel));
      pooled.insert(pooled.end(), all.back().begin(), all.back().end());
    }
    std::sort(pooled.begin(), pooled.end());
    any = any || !pooled.empty();
    const double median = pooled.empty() ? 0 : pooled[pooled.size() / 2];
    const double largest = pooled.empty() ? 0 : pooled.back();
    const bool in_seconds = median >= 1;
    body += fmt::format("  set title '{}'\n  set ylabel '{}'\n", panel.name,
                        p == 0 ? "share of requests" : "");
    body += axis(pooled.empty() ? 0 : pooled.front(), median, largest, in_seconds);
    if (single) body += annotation(results[0], panel);
    body += "  plot ";
    for (std::size_t i = 0; i < all.size(); ++i) {
      figure.data += fmt::format("# {}: {} [{}], share of requests\n", panel.name,
                                 one_line(titles[i]), in_seconds ? "s" : "ms") +
                     block(all[i], in_seconds ? 1 : 1e3) + "\n\n";
      body += fmt::format("{}'latency_cdf.tsv' index {} with lines lw 2 dashtype {} lc rgb '{}'",
                          i == 0 ? "" : ", ", index++, i < kColorCount ? 1 : 2, series_color(i));
    }
    body += "\n  unset label\n";
  }
  if (!any) return figure;
  const auto preamble =
      gnuplot_array("run", titles, 28) +
      heading_text(single ? "Latency: " + one_line(titles[0]) : "Latency of the requests");
  figure.script = framed_script(figure, {960, height}, preamble, body + "  unset multiplot\n");
  return figure;
}

}  // namespace moesim
