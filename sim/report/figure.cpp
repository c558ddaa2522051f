#include "sim/report/figure.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <stdexcept>

#include "sim/core/output_file.hpp"
#include "sim/report/figure_kinds.hpp"
#include "sim/report/gnuplot.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

/// Okabe and Ito, "Color Universal Design" (https://jfly.uni-koeln.de/color/, 2008); black replaced
/// by grey, so that a bar does not outweigh the others.
constexpr std::array<std::string_view, kColorCount> kColors = {
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#f0e442", "#8c8c8c"};
constexpr std::array<bool, kColorCount> kLightText = {true,  false, true,  true,
                                                      false, false, false, false};

/// Ink, axes and grid: the HTML report replaces exactly these three in dark mode (html_report.cpp).
constexpr std::string_view kStyle = R"(set encoding utf8
set datafile separator tab
set format '%g'
set border 3 lc rgb '#999999' lw 1
set tics nomirror out scale 0.4 textcolor rgb '#333333'
set grid lc rgb '#e0e0e0' lt 1 lw 1
set key noautotitle textcolor rgb '#333333' samplen 1.6
set title textcolor rgb '#333333'
set xlabel textcolor rgb '#333333'
set ylabel textcolor rgb '#333333'
set cblabel textcolor rgb '#333333'
)";

}  // namespace

std::string framed_script(const Figure& figure, FrameSize size, std::string_view preamble,
                          std::string_view body) {
  return fmt::format(
      "# {0}\n# Draw again: gnuplot {1}.gp\nreset\n{2}{3}\n"
      "do for [format = 1:3] {{\n"
      "  if (format == 1) {{\n"
      "    set terminal svg size {4},{5} dynamic noenhanced font 'Arial,13' name '{1}' "
      "background '#ffffff'\n"
      "    set output '{1}.svg'\n"
      "  }}\n"
      "  if (format == 2) {{\n"
      "    set terminal pngcairo size {6},{7} noenhanced font 'DejaVu Sans,10' fontscale 2 "
      "linewidth 2 pointscale 2 background '#ffffff'\n"
      "    set output '{1}.png'\n"
      "  }}\n"
      "  if (format == 3) {{\n"
      "    set terminal pdfcairo size {9:.3f}in,{10:.3f}in noenhanced font 'DejaVu Sans,9' "
      "background '#ffffff'\n"
      "    set output '{1}.pdf'\n"
      "  }}\n"
      "{8}"
      "  unset output\n"
      "}}\n",
      one_line(figure.caption), figure.name, kStyle, preamble, size.width, size.height,
      2 * size.width, 2 * size.height, body, size.width / 110.0, size.height / 110.0);
}

std::string_view series_color(std::size_t index) { return kColors[index % kColors.size()]; }

std::string_view text_color_on(std::size_t index) {
  return kLightText[index % kLightText.size()] ? "#ffffff" : "#222222";
}

long color_number(std::string_view color) {
  long value = 0;
  std::from_chars(color.data() + 1, color.data() + color.size(), value, 16);
  return value;
}

std::string heading_text(std::string_view text) {
  return fmt::format("heading = {}\n", gnuplot_string(shorten(one_line(text), 76)));
}

std::string heading_label(int height) {
  return fmt::format(
      "  set label 100 heading at screen 0.5,{:.4f} center font ',15' textcolor rgb '#333333'\n",
      1 - 20.0 / height);
}

double round_step(double least) {
  if (!(least > 0)) return 1;
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least) return factor * power;
  return 10 * power;
}

std::string gnuplot_array(std::string_view name, std::span<const std::string> texts,
                          std::size_t width) {
  std::string out = fmt::format("array {}[{}]\n", name, texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i)
    out += fmt::format("{}[{}] = {}\n", name, i + 1,
                       gnuplot_string(shorten(one_line(texts[i]), width)));
  return out;
}

std::vector<std::string> titles_of(std::span<const Result> results) {
  std::vector<std::string> titles;
  for (const auto& result : results)
    titles.push_back(result.title.empty() ? fmt::format("run {}", titles.size() + 1)
                                          : result.title);
  return titles;
}

std::vector<Figure> figures_of(std::span<const Result> results) {
  std::vector<Figure> figures;
  const auto add = [&](Figure figure) {
    if (!figure.script.empty()) figures.push_back(std::move(figure));
  };
  if (results.size() > 1) add(comparison_figure(results));
  add(latency_figure(results));
  if (results.size() == 1) add(load_figure(results[0]));
  add(breakdown_figure(results));
  if (results.size() == 1) add(expert_figure(results[0]));
  return figures;
}

void draw_figures(std::span<const Figure> figures, const std::string& directory) {
  prepare_output_directory(directory);
  const std::string base = directory + "/";
  for (const auto& figure : figures) {
    write_output_file(base + figure.name + ".tsv", figure.data);
    write_output_file(base + figure.name + ".gp", figure.script);
  }
  for (const auto& figure : figures) {
    try {
      run_gnuplot(directory, figure.name + ".gp");
    } catch (const std::runtime_error&) {
      for (const auto* kind : {".svg", ".png", ".pdf"})
        std::remove((base + figure.name + kind).c_str());
      throw;  // no half-drawn picture stays
    }
  }
}

}  // namespace moesim
