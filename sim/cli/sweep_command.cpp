// `moesim sweep FILE`: runs what is missing of a sweep, each point in a process of its own, and
// shows the answer.
#include <fmt/core.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <set>

#include "sim/cli/command.hpp"
#include "sim/cli/sweep_output.hpp"
#include "sim/cli/sweep_plan.hpp"
#include "sim/cli/sweep_run.hpp"
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

Choice<Search> read_search(const SweepOptions& options, const SweepFile& file) {
  const Node given = options.search.empty()
                         ? file.search
                         : parse_yaml(options.search, "--search " + options.search);
  return given.is_null() ? Choice<Search>() : Value<Choice<Search>>::read(given);
}

std::string run(SweepRun& sweep, const SweepPlan& plan, const Choice<Search>& choice,
                const Shard& shard) {
  const auto mine = [&](std::size_t point) { return point % shard.count == shard.index - 1; };
  if (choice.type.empty()) return sweep.run_points(mine), "";
  const auto search = choice.make({plan.space});
  if (shard.count > 1) {
    if (search->adaptive())
      throw InputError(choice.where, fmt::format("search '{}' decides by results as they come: it "
                                                 "cannot be split into shards",
                                                 choice.type));
    std::set<std::size_t> designs;
    for (const auto& trial : search->next({})) designs.insert(trial.design);
    sweep.run_points([&](std::size_t point) {
      return mine(point) && designs.contains(plan.space.design_of(point));
    });
    return "";
  }
  const auto count = sweep.run_search(*search);
  return fmt::format("search {}: {} of {} designs run in full{}, the work of {:.4g}\n", choice.type,
                     count.whole, plan.space.designs(),
                     count.shortened > 0 ? fmt::format(", {} shortened", count.shortened) : "",
                     count.work);
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
  SweepPlan plan(read_sweep_file(options.file, options.overrides, figure_names));
  read_points(plan);
  for (const auto& path : {options.csv, options.json})
    if (!path.empty() && path != "-") check_writable(path);
  const auto out = options.out.empty()
                       ? "out/" + std::filesystem::path(options.file).stem().string()
                       : options.out;
  prepare_output_directory(out);
  const auto search = read_search(options, plan.file);
  SweepStore store(out + "/" + store_name(shard));
  store.define(to_yaml(plan.file.definition), plan.points);
  SweepRun sweep(plan, store,
                 {options.jobs, options.retry, !options.quiet && isatty(STDERR_FILENO) != 0});
  const auto searched = run(sweep, plan, search, shard);
  const auto& table = sweep.table();
  if (shard.count == 1) write_sweep_folder(table, out);
  const bool stdout_taken = options.csv == "-" || options.json == "-";
  if (!options.quiet && !stdout_taken) fmt::print("{}{}", sweep_summary(table), searched);
  write_asked(options, table);
  if (!options.quiet) fmt::print(stderr, "moesim: wrote {}\n", out);
  if (shard.count == 1 && !any_done(table))
    throw SimulationError("no point of the sweep could be run");
  return 0;
}

}  // namespace moesim
