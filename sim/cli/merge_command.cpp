// `moesim merge STORE...`: the stores of a sweep's shards become one, with the files that the sweep
// in one piece would have left.
#include <fmt/core.h>

#include <algorithm>

#include "sim/cli/command.hpp"
#include "sim/cli/sweep_output.hpp"
#include "sim/core/output_file.hpp"
#include "sim/report/result_figures.hpp"
#include "sim/report/sweep_summary.hpp"

namespace moesim {
namespace {

using State = StoredResult::State;

/// What the shards hold together, checked against each other.
struct Union {
  std::string definition;
  std::vector<StoredPoint> points;
  std::map<std::string, StoredResult> results;
};

void add_results(Union& all, const std::string& path,
                 const std::map<std::string, StoredResult>& results) {
  for (const auto& [key, result] : results) {
    const auto [known, added] = all.results.emplace(key, result);
    if (added || result.state == State::kDied) continue;
    if (known->second.state == State::kDied)
      known->second = result;
    else if (known->second.state != result.state || known->second.figures != result.figures)
      throw InputError(fmt::format(
          "{}: a point has another result than in the stores before it (key {}); were they made by "
          "the same moesim?",
          path, key));
  }
}

Union read_stores(const std::vector<std::string>& paths) {
  Union all;
  for (const auto& path : paths) {
    const auto store = SweepStore::read(path);
    auto definition = store.definition();
    auto points = store.points();
    if (definition.empty()) throw InputError(path + ": the store of a sweep that never started");
    if (all.definition.empty()) {
      all.definition = std::move(definition);
      all.points = std::move(points);
    } else if (definition != all.definition || points != all.points) {
      throw InputError(fmt::format("{}: of another sweep than {}", path, paths.front()));
    }
    add_results(all, path, store.results());
  }
  return all;
}

}  // namespace

int merge_command(const MergeOptions& options) {
  const auto all = read_stores(options.stores);
  const auto file =
      read_sweep_definition(parse_yaml(all.definition, options.stores.front()), figure_names);
  const SweepSpace space(file);
  if (space.points() != all.points.size())
    throw InputError(fmt::format("{}: {} points where its definition has {}",
                                 options.stores.front(), all.points.size(), space.points()));
  prepare_output_directory(options.out);
  SweepStore store(options.out + "/sweep.sqlite");
  store.define(all.definition, all.points);
  std::vector<StoredResult> rows;
  for (const auto& [key, result] : all.results) rows.push_back(result);
  store.copy(rows);
  const SweepTable table(space, all.points, store.results());
  write_sweep_folder(table, options.out);
  if (!options.quiet) {
    fmt::print("{}", sweep_summary(table));
    fmt::print(stderr, "moesim: wrote {}\n", options.out);
  }
  return 0;
}

}  // namespace moesim
