// `moesim sweep FILE`: runs what is missing of a sweep, each point in a process of its own, and
// shows the answer.
#include <fmt/core.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <set>

#include "sim/cli/command.hpp"
#include "sim/cli/process_pool.hpp"
#include "sim/cli/simulate.hpp"
#include "sim/cli/sweep_output.hpp"
#include "sim/cli/sweep_plan.hpp"
#include "sim/cli/sweep_progress.hpp"
#include "sim/core/output_file.hpp"
#include "sim/report/result_figures.hpp"
#include "sim/report/sweep_export.hpp"
#include "sim/report/sweep_summary.hpp"

namespace moesim {
namespace {

/// "2/8": the second of eight parts. The whole is 1/1.
struct Shard {
  std::size_t index = 1, count = 1;
};

Shard read_shard(const std::string& text) {
  if (text.empty()) return {};
  Shard shard;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, shard.index);
  const bool slash = first.ec == std::errc() && first.ptr != end && *first.ptr == '/';
  const auto second = slash ? std::from_chars(first.ptr + 1, end, shard.count) : first;
  if (!slash || second.ec != std::errc() || second.ptr != end || shard.index < 1 ||
      shard.index > shard.count)
    throw InputError(fmt::format("--shard {}: expected i/n with 1 <= i <= n, like 2/8", text));
  return shard;
}

std::string store_name(const Shard& shard) {
  return shard.count == 1 ? "sweep.sqlite"
                          : fmt::format("shard-{}-of-{}.sqlite", shard.index, shard.count);
}

/// Points of this shard that have no final result, each scenario once.
std::vector<std::size_t> points_to_run(const SweepTable& table, const Shard& shard, bool retry) {
  std::vector<std::size_t> todo;
  std::set<std::string> keys;
  for (std::size_t p = 0; p < table.points().size(); ++p) {
    const auto& point = table.points()[p];
    if (point.key.empty() || p % shard.count != shard.index - 1) continue;
    using State = StoredResult::State;
    const auto* result = table.result(p);
    const bool final = result != nullptr && result->state != State::kDied &&
                       (result->state == State::kDone || !retry);
    if (!final && keys.insert(point.key).second) todo.push_back(p);
  }
  return todo;
}

std::string run_point(const SweepPlan& plan, std::size_t point) {
  const Node document = plan.space.point_document(point);
  Serving serving(read_serving_scenario(document), places_of(document));
  return pack_figures(result_figures(run_design(serving, false)));
}

StoredResult stored(const std::string& key, const ProcessOutcome& outcome) {
  using End = ProcessOutcome::End;
  using State = StoredResult::State;
  StoredResult result;
  result.key = key;
  result.wall_s = outcome.wall_s;
  if (outcome.end == End::kBytes) {
    result.figures = unpack_figures(outcome.text);
    return result;
  }
  result.error = outcome.text;
  result.state = outcome.end == End::kRefused  ? State::kRefused
                 : outcome.end == End::kFailed ? State::kFailed
                                               : State::kDied;
  return result;
}

void run_missing(const SweepOptions& options, const SweepPlan& plan, const Shard& shard,
                 SweepStore& store, SweepTable& table) {
  const auto todo = points_to_run(table, shard, options.retry);
  SweepProgress progress(table, todo.size(), !options.quiet && isatty(STDERR_FILENO) != 0);
  run_processes(
      todo.size(), options.jobs, [&](std::size_t i) { return run_point(plan, todo[i]); },
      [&](std::size_t i, ProcessOutcome outcome) {
        const auto result = stored(plan.points[todo[i]].key, outcome);
        store.record(result);
        table.set(result);
        progress.finished(result);
      });
}

bool any_done(const SweepTable& table) {
  for (const auto& row : table.rows())
    if (row.done > 0) return true;
  return false;
}

void write_asked(const SweepOptions& options, const SweepTable& table) {
  for (const auto& [path, text] : {std::pair{options.csv, &sweep_csv}, {options.json, &sweep_json}})
    if (path == "-")
      fmt::print("{}", text(table));
    else if (!path.empty())
      write_output_file(path, text(table));
}

}  // namespace

int sweep_command(const SweepOptions& options) {
  const auto shard = read_shard(options.shard);
  SweepPlan plan(read_sweep_file(options.file, options.overrides, figure_names()));
  read_points(plan);
  for (const auto& path : {options.csv, options.json})
    if (!path.empty() && path != "-") check_writable(path);
  const auto out = options.out.empty()
                       ? "out/" + std::filesystem::path(options.file).stem().string()
                       : options.out;
  prepare_output_directory(out);
  SweepStore store(out + "/" + store_name(shard));
  store.define(to_yaml(plan.file.definition), plan.points);
  SweepTable table(plan.space, plan.points, store.results());
  run_missing(options, plan, shard, store, table);
  if (shard.count == 1) write_sweep_folder(table, out);
  const bool stdout_taken = options.csv == "-" || options.json == "-";
  if (!options.quiet && !stdout_taken) fmt::print("{}", sweep_summary(table));
  write_asked(options, table);
  if (!options.quiet) fmt::print(stderr, "moesim: wrote {}\n", out);
  if (shard.count == 1 && !any_done(table)) throw SimulationError("no point of the sweep could be run");
  return 0;
}

}  // namespace moesim
