#include "sim/report/hit_curve_figure.hpp"

#include <fmt/format.h>

#include <iterator>

#include "sim/report/figure_kinds.hpp"
#include "sim/report/text.hpp"
#include "sim/report/text_table.hpp"

namespace moesim {

std::string hit_curve_table(std::span<const HitCurve> curves, std::span<const std::int64_t> slots,
                            std::int64_t top_k) {
  std::vector<TextTable::Column> columns{{"policy", TextTable::kLeft}};
  for (const auto n : slots) columns.push_back({fmt::format("{} slots", n)});
  TextTable table(std::move(columns));
  std::vector<std::string> ratios{"slots / active"};
  for (const auto n : slots)
    ratios.push_back(fmt::format("{:.2f}", static_cast<double>(n) / static_cast<double>(top_k)));
  table.add(std::move(ratios));
  for (const auto& curve : curves) {
    std::vector<std::string> cells{curve.policy};
    for (const double rate : curve.hit_rate) cells.push_back(fmt::format("{:.1f} %", 100 * rate));
    table.add(std::move(cells));
  }
  return table.text(0);
}

std::string hit_curve_csv(std::span<const HitCurve> curves, std::span<const std::int64_t> slots) {
  std::string out = "policy,slots_per_layer,hit_rate\n";
  for (const auto& curve : curves)
    for (std::size_t i = 0; i < slots.size(); ++i)
      fmt::format_to(std::back_inserter(out), "{},{},{}\n", curve.policy, slots[i],
                     curve.hit_rate[i]);
  return out;
}

Figure hit_curve_figure(std::span<const HitCurve> curves, std::span<const std::int64_t> slots,
                        std::string_view title) {
  Figure figure{"hit_rate", "Hit rate of every policy over the slots of a layer", "", ""};
  if (curves.empty() || slots.empty()) return figure;
  constexpr int height = 460;
  std::string body = fmt::format(
      "{}  set lmargin at screen 0.08\n  set rmargin at screen 0.76\n  set tmargin at screen 0.87\n"
      "  set xlabel 'slots per layer'\n  set ylabel 'hit rate'\n  set yrange [0:1]\n"
      "  set ytics 0.2\n  set xrange [0:*]\n  set key outside right center Left reverse\n  plot ",
      heading_label(height));
  for (std::size_t c = 0; c < curves.size(); ++c) {
    fmt::format_to(std::back_inserter(figure.data), "# {}: slots per layer, hit rate\n",
                   curves[c].policy);
    for (std::size_t i = 0; i < slots.size(); ++i)
      fmt::format_to(std::back_inserter(figure.data), "{}\t{}\n", slots[i], curves[c].hit_rate[i]);
    figure.data += "\n\n";
    fmt::format_to(std::back_inserter(body),
                   "{}'hit_rate.tsv' index {} with linespoints lw 2 dashtype {} pt {} ps 0.5 lc "
                   "rgb '{}' title policy[{}]",
                   c == 0 ? "" : ", ", c, c < kColorCount ? 1 : 2, c < kColorCount ? 7 : 6,
                   series_color(c), c + 1);
  }
  std::vector<std::string> names;
  for (const auto& curve : curves) names.push_back(curve.policy);
  figure.script = framed_script(figure, {900, height},
                                gnuplot_array("policy", names, 24) + heading_text(one_line(title)),
                                body + "\n");
  return figure;
}

}  // namespace moesim
