#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>

#include "sim/report/figure_kinds.hpp"
#include "sim/report/gnuplot.hpp"
#include "sim/report/human.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

/// Layer numbers at the edge of the map: at most this many.
constexpr std::size_t kMaxLayerLabels = 12;

/// matplotlib's viridis at nine points (bids.github.io/colormap, CC0): even in lightness, safe for
/// colour-blind readers.
constexpr std::string_view kPalette =
    "set palette defined (0 '#440154', 1 '#472d7b', 2 '#3b528b', 3 '#2c728e', 4 '#21918c', "
    "5 '#28ae80', 6 '#5ec962', 7 '#addc30', 8 '#fde725')\n";

std::string layer_tics(const Result& result) {
  const auto layers = result.expert_load_tokens.size();
  const auto step = (layers + kMaxLayerLabels - 1) / kMaxLayerLabels;
  std::string out;
  for (std::size_t i = 0; i < layers; i += step) {
    const auto number = i < result.moe_layers.size() ? result.moe_layers[i] : static_cast<int>(i);
    out += fmt::format("{}'{}' {}", out.empty() ? "" : ", ", number, i);
  }
  return "  set ytics (" + out + ")\n";
}

}  // namespace

Figure expert_figure(const Result& result) {
  Figure figure{"expert_load", "Tokens of each expert relative to the mean of its layer", "", ""};
  std::size_t experts = 0;
  std::vector<double> ratios;
  for (const auto& layer : result.expert_load_tokens) {
    experts = std::max(experts, layer.size());
    const double mean = std::accumulate(layer.begin(), layer.end(), 0.0) /
                        static_cast<double>(std::max<std::size_t>(1, layer.size()));
    std::string row;
    for (const double tokens : layer) {
      ratios.push_back(mean > 0 ? tokens / mean : 0);
      fmt::format_to(std::back_inserter(row), "{}{:.5g}", row.empty() ? "" : "\t", ratios.back());
    }
    figure.data += row + "\n";
  }
  if (experts == 0) return figure;
  std::sort(ratios.begin(), ratios.end());
  const double largest = ratios.back();
  // A few hot experts would leave the rest of the map dark.
  const double top = std::max(
      2.0, ratios[static_cast<std::size_t>(0.995 * static_cast<double>(ratios.size() - 1))]);
  const auto label = largest > top * 1.01
                         ? fmt::format("tokens / layer mean (max {})", human_number(largest))
                         : std::string("tokens / layer mean");
  const auto layers = result.expert_load_tokens.size();
  const int height = std::clamp(static_cast<int>(layers) * 12 + 140, 240, 640);
  const auto body = fmt::format(
      "  set tmargin at screen {:.4f}\n{}set xlabel 'expert'\n  set ylabel 'layer'\n"
      "  set cblabel '{}'\n  set cbrange [0:{}]\n  set colorbox noborder\n  unset grid\n  set "
      "xrange [-0.5:{}]\n  set yrange [{}:-0.5]\n{}"
      "  plot 'expert_load.tsv' matrix with image\n",
      1 - 44.0 / height, heading_label(height), label, top, static_cast<double>(experts) - 0.5,
      static_cast<double>(layers) - 0.5, layer_tics(result));
  const auto heading = result.title.empty() ? "Load of the experts"
                                            : "Load of the experts: " + one_line(result.title);
  figure.script =
      framed_script(figure, {960, height}, heading_text(heading) + std::string(kPalette), body);
  return figure;
}

}  // namespace moesim
