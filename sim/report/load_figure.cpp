#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include "sim/report/figure_kinds.hpp"
#include "sim/report/gnuplot.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

constexpr std::size_t kBins = 120;

/// Means over one interval of simulated time.
struct Bin {
  double prefill_tokens_per_s = 0, decode_tokens_per_s = 0;
  double running = 0, waiting = 0;
  double kv_used_fraction = 0;  ///< of the fullest group
};

class Binned {
 public:
  explicit Binned(double end_s) : width_s_(end_s / kBins), bins_(kBins) {}

  double width_s() const { return width_s_; }
  std::vector<Bin>& bins() { return bins_; }

  /// Calls visit(bin, seconds of [start, end) inside it).
  template <class Visit>
  void spread(double start_s, double end_s, const Visit& visit) {
    const auto first = static_cast<std::size_t>(std::max(0.0, start_s / width_s_));
    for (std::size_t i = first; i < kBins; ++i) {
      const double from = std::max(start_s, width_s_ * static_cast<double>(i));
      const double to = std::min(end_s, width_s_ * static_cast<double>(i + 1));
      if (to > from) visit(i, to - from);
      if (width_s_ * static_cast<double>(i + 1) >= end_s) return;
    }
  }

 private:
  double width_s_;
  std::vector<Bin> bins_;
};

/// Tokens count evenly over their step; queues and memory hold from one step's start to the next
/// one's.
void add_group(Binned& binned, const std::vector<const StepRow*>& steps, double end_s) {
  auto& bins = binned.bins();
  std::vector<double> kv(bins.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& s = *steps[i];
    if (s.duration_s > 0)
      binned.spread(s.start_s, s.start_s + s.duration_s, [&](std::size_t b, double seconds) {
        const double share = seconds / s.duration_s / binned.width_s();
        bins[b].prefill_tokens_per_s += static_cast<double>(s.prefill_tokens) * share;
        bins[b].decode_tokens_per_s += static_cast<double>(s.decode_tokens) * share;
      });
    // After its last request a group is idle: the last step holds until it ends.
    const double until =
        i + 1 < steps.size() ? steps[i + 1]->start_s : std::min(end_s, s.start_s + s.duration_s);
    binned.spread(s.start_s, until, [&](std::size_t b, double seconds) {
      const double share = seconds / binned.width_s();
      bins[b].running += static_cast<double>(s.running) * share;
      bins[b].waiting += static_cast<double>(s.waiting) * share;
      kv[b] += s.kv_used_fraction * share;
    });
  }
  for (std::size_t b = 0; b < bins.size(); ++b)
    bins[b].kv_used_fraction = std::max(bins[b].kv_used_fraction, kv[b]);
}

constexpr std::string_view kBody = R"(  set multiplot
  set lmargin at screen 0.09
  set rmargin at screen 0.975
  set xrange [0:end_s]
  set yrange [0:*]
  set ytics auto
  set key at graph 1,1.0 right bottom horizontal
  set format x ''
  set format y '%.0s%c'
  set tmargin at screen 0.88
  set bmargin at screen 0.63
  set ylabel 'tokens / s'
  plot 'load.tsv' using 1:2 with lines lw 1.6 lc rgb '#56b4e9' title 'prefill', \
       'load.tsv' using 1:3 with lines lw 1.6 lc rgb '#d55e00' title 'decode'
  unset label
  set tmargin at screen 0.59
  set bmargin at screen 0.34
  set ylabel 'requests'
  plot 'load.tsv' using 1:4 with lines lw 1.6 lc rgb '#0072b2' title 'running', \
       'load.tsv' using 1:5 with lines lw 1.6 lc rgb '#e69f00' title 'waiting'
  set tmargin at screen 0.30
  set bmargin at screen 0.12
  set format x '%g'
  set format y '%g'
  set xlabel 'simulated time [s]'
  set ylabel 'KV used [%]'
  set yrange [0:100]
  set ytics 50
  plot 'load.tsv' using 1:6 with lines lw 1.6 lc rgb '#009e73'
  unset multiplot
  set xlabel ''
  set tmargin
  set bmargin
)";

}  // namespace

Figure load_figure(const Result& result) {
  Figure figure{"load", "Throughput, queue and KV memory over simulated time", "", ""};
  std::map<int, std::vector<const StepRow*>> groups;
  double end_s = result.simulated_s;
  for (const auto& step : result.steps) {
    groups[step.group].push_back(&step);
    end_s = std::max(end_s, step.start_s + step.duration_s);
  }
  if (groups.empty() || end_s <= 0) return figure;
  Binned binned(end_s);
  for (const auto& [group, steps] : groups) add_group(binned, steps, end_s);
  figure.data =
      "# middle of the interval [s], prefill [tokens/s], decode [tokens/s], running, waiting, "
      "KV memory used [%]\n";
  for (std::size_t i = 0; i < kBins; ++i) {
    const auto& b = binned.bins()[i];
    fmt::format_to(std::back_inserter(figure.data), "{}\t{}\t{}\t{}\t{}\t{}\n",
                   (static_cast<double>(i) + 0.5) * binned.width_s(), b.prefill_tokens_per_s,
                   b.decode_tokens_per_s, b.running, b.waiting, 100 * b.kv_used_fraction);
  }
  const auto heading =
      result.title.empty() ? "Load over time" : "Load over time: " + one_line(result.title);
  constexpr FrameSize size{960, 620};
  figure.script =
      framed_script(figure, size, heading_text(heading) + fmt::format("end_s = {}\n", end_s),
                    heading_label(size.height) + std::string(kBody));
  return figure;
}

}  // namespace moesim
