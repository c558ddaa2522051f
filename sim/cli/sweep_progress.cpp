#include "sim/cli/sweep_progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include "sim/report/human.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

constexpr int kBar = 24;

std::size_t terminal_width() {
  struct winsize size {};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 100;
}

std::string left_text(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s left", seconds);
  if (seconds < 5400) return fmt::format("{:.0f} min left", seconds / 60);
  return fmt::format("{:.1f} h left", seconds / 3600);
}

}  // namespace

std::string best_text(const SweepTable& table) {
  const auto best = table.best();
  if (!best) return "";
  const auto& row = table.rows()[*best];
  return fmt::format("{} {} at {}{}", table.file().objectives.front().name,
                     human_number(row.objectives.front()->mean), table.space().describe(*best),
                     row.feasible() ? "" : " (misses a constraint)");
}

SweepProgress::SweepProgress(const SweepTable& table, std::size_t all, bool shown)
    : table_(table), all_(all), shown_(shown && all > 0) {
  if (shown_) draw();
}

SweepProgress::~SweepProgress() {
  if (shown_) fmt::print(stderr, "\r\033[K");
}

void SweepProgress::finished(const StoredResult& result) {
  ++done_;
  failed_ += result.state == StoredResult::State::kDone ? 0 : 1;
  if (!shown_ || std::chrono::duration<double>(Clock::now() - last_).count() < 0.25) return;
  last_ = Clock::now();
  draw();
}

void SweepProgress::draw() const {
  const double wall_s = std::chrono::duration<double>(Clock::now() - start_).count();
  const auto filled = static_cast<std::size_t>(kBar) * done_ / all_;
  auto line = fmt::format("[{}{}] {}/{}", std::string(filled, '#'), std::string(kBar - filled, '.'),
                          done_, all_);
  if (failed_ > 0) line += fmt::format(", {} failed", failed_);
  if (done_ > 0)
    line +=
        ", " + left_text(wall_s / static_cast<double>(done_) * static_cast<double>(all_ - done_));
  if (const auto best = best_text(table_); !best.empty()) line += "; best: " + best;
  fmt::print(stderr, "\r\033[K{}", shorten(one_line(line), terminal_width() - 1));
  std::fflush(stderr);
}

}  // namespace moesim
