// One function per picture, and the script frame they share. Inside report/ only; others use
// figure.hpp. A figure whose data is missing has an empty script.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sim/report/figure.hpp"

namespace moesim {

/// TTFT, TPOT and E2E: share of the requests that were at least as fast; one line per result.
Figure latency_figure(std::span<const Result> results);
/// Tokens per second, requests running and waiting, KV memory used, over simulated time.
Figure load_figure(const Result& result);
/// Tokens per expert relative to the mean of the layer.
Figure expert_figure(const Result& result);
/// Mean time of an engine step by phase: one stacked bar per result.
Figure breakdown_figure(std::span<const Result> results);
/// The headline figures as bars, one panel each.
Figure comparison_figure(std::span<const Result> results);

/// The picture's size [SVG pixels]; PNGs have twice as many, for sharp print.
struct FrameSize {
  int width = 900, height = 420;
};

/// A whole script: style, then `preamble` once (user text belongs here, in variables), then `body`
/// once per format.
std::string framed_script(const Figure& figure, FrameSize size, std::string_view preamble,
                          std::string_view body);

inline constexpr std::size_t kColorCount = 8;
/// "#0072b2": the colour of series `index`; repeats after kColorCount.
std::string_view series_color(std::size_t index);
/// Dark or light text, whichever is read more easily on that colour.
std::string_view text_color_on(std::size_t index);
/// 0xrrggbb of "#rrggbb", as gnuplot's `rgb variable` wants it.
long color_number(std::string_view color);

/// Preamble line: the text of the picture's heading, cut to its width.
std::string heading_text(std::string_view text);
/// Body line that writes it at the top of a picture of that height; `unset label` takes it away.
std::string heading_label(int height);

/// 1, 2 or 5 times a power of ten, not below `least`: the distance of axis marks.
double round_step(double least);

/// `array NAME[n] = [...]` of user text, each shortened to `width` code points.
std::string gnuplot_array(std::string_view name, std::span<const std::string> texts,
                          std::size_t width);

/// Titles of the results, empty ones as "run 1", "run 2".
std::vector<std::string> titles_of(std::span<const Result> results);

}  // namespace moesim
