#include "sim/report/sweep_summary.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/report/human.hpp"
#include "sim/report/text.hpp"
#include "sim/report/text_table.hpp"

namespace moesim {
namespace {

std::string estimate_text(const std::optional<Estimate>& estimate) {
  if (!estimate) return "-";
  const auto mean = human_number(estimate->mean);
  if (estimate->count < 2) return mean;
  return mean + " ± " + human_number(estimate->half_width);
}

std::string counts_text(const SweepTable& table) {
  std::size_t done = 0, failed = 0;
  for (std::size_t p = 0; p < table.points().size(); ++p) {
    const auto* result = table.result(p);
    const bool fine = result != nullptr && result->state == StoredResult::State::kDone;
    done += fine ? 1 : 0;
    failed += !fine && (result != nullptr || !table.points()[p].error.empty()) ? 1 : 0;
  }
  const auto all = table.points().size();
  auto text = fmt::format("{} points: {} done", human_count(static_cast<std::int64_t>(all)), done);
  if (failed > 0) text += fmt::format(", {} failed", failed);
  if (all > done + failed) text += fmt::format(", {} not run", all - done - failed);
  return text;
}

std::string failures_text(const SweepTable& table) {
  constexpr std::size_t kShown = 3;
  std::string text;
  std::size_t shown = 0;
  for (std::size_t d = 0; d < table.rows().size() && shown < kShown; ++d)
    if (const auto& problem = table.rows()[d].problem; !problem.empty()) {
      text += fmt::format("  {}: {}\n", table.space().describe(d), one_line(problem));
      ++shown;
    }
  return text.empty() ? "" : "\nnot done, for example\n" + text;
}

}  // namespace

std::vector<std::size_t> ranked_designs(const SweepTable& table) {
  std::vector<std::size_t> order;
  for (std::size_t d = 0; d < table.rows().size(); ++d)
    if (table.rows()[d].violation && table.rows()[d].objectives.front()) order.push_back(d);
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return table.better(table.rows()[a], table.rows()[b]);
  });
  return order;
}

std::string sweep_summary(const SweepTable& table, std::size_t most) {
  const auto& file = table.file();
  auto out = fmt::format("{}\n{}\n{}\n\n", one_line(file.title), one_line(file.question),
                         counts_text(table));
  std::vector<TextTable::Column> columns;
  for (const auto& axis : file.axes) columns.push_back({axis.name});
  for (const auto& objective : file.objectives) columns.push_back({objective.name});
  columns.push_back({"", TextTable::kLeft});
  TextTable text(columns);
  const auto front = table.front();
  const auto order = ranked_designs(table);
  for (std::size_t i = 0; i < std::min(most, order.size()); ++i) {
    const auto d = order[i];
    std::vector<std::string> cells;
    for (std::size_t a = 0; a < file.axes.size(); ++a)
      cells.push_back(one_line(
          file.axes[a].values[static_cast<std::size_t>(table.space().choice(d)[a])].label));
    for (const auto& objective : table.rows()[d].objectives)
      cells.push_back(estimate_text(objective));
    const bool on_front = std::ranges::find(front, d) != front.end();
    cells.push_back(!table.rows()[d].feasible()              ? "misses a constraint"
                    : on_front && file.objectives.size() > 1 ? "Pareto front"
                                                             : "");
    text.add(std::move(cells));
  }
  out += text.text(0);
  if (order.size() > most)
    out += fmt::format("... and {} more\n",
                       human_count(static_cast<std::int64_t>(order.size() - most)));
  return out + failures_text(table);
}

}  // namespace moesim
