// `moesim capacity FILE`: the highest load of every design that keeps its service level, or the
// smallest design that carries a given load. Bisection; every run draws the same random numbers.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>

#include "sim/cli/command.hpp"
#include "sim/cli/design.hpp"
#include "sim/cli/process_pool.hpp"
#include "sim/cli/simulate.hpp"
#include "sim/cli/sweep_plan.hpp"
#include "sim/core/output_file.hpp"
#include "sim/report/capacity_table.hpp"
#include "sim/report/result_figures.hpp"
#include "sim/scenario/document.hpp"
#include "sim/serving/disaggregation.hpp"
#include "sim/sweep/bisection.hpp"

namespace moesim {
namespace {

/// One design and what is known of it.
struct Candidate {
  std::string name;
  Node document;
  Bisection bisection{{}};
  CapacityRow row;
};

/// What is turned to load a system: a rate, or the requests kept in flight.
struct LoadKey {
  std::string path;
  bool whole = false;
};

LoadKey load_key(const Node& document) {
  if (find_path(document, "workload.arrivals.rate") != nullptr)
    return {"workload.arrivals.rate", false};
  if (find_path(document, "workload.arrivals.concurrency") != nullptr)
    return {"workload.arrivals.concurrency", true};
  const Node* workload = document.find("workload");
  throw InputError(workload != nullptr ? workload->where : document.where,
                   "capacity varies workload.arrivals.rate, or .concurrency of a closed loop: the "
                   "scenario has neither");
}

void set_load(Node& document, double load) {
  const auto key = load_key(document);
  const auto text = key.whole ? fmt::format("{:.0f}", load) : fmt::format("{:.6g} /s", load);
  const auto where = find_path(document, key.path)->where;
  Node value = Node::scalar(text);
  value.where = where;
  set_path(document, key.path, std::move(value), where);
}

double load_of(const Node& document) {
  const auto key = load_key(document);
  const Node& value = *find_path(document, key.path);
  return key.whole ? read_number(value) : read_quantity(value, Dimension::kRate);
}

void check_slo(const Candidate& candidate) {
  if (!read_serving_scenario(candidate.document).slo.stated())
    throw InputError(candidate.document.where,
                     "capacity needs a service level, like slo: {ttft: 1 s, tpot: 50 ms}");
}

/// The variants of a scenario, or the designs of a sweep file.
std::vector<Candidate> read_candidates(const CapacityOptions& options) {
  std::vector<Candidate> candidates;
  if (load_document(options.file, {}).find("axes") == nullptr) {
    for (auto& design : read_designs({options.file}, options.overrides, options.variant))
      candidates.push_back({design.scenario.title, std::move(design.document), Bisection({}), {}});
  } else {
    SweepPlan plan(read_sweep_file(options.file, options.overrides, figure_names));
    read_points(plan);
    for (std::size_t d = 0; d < plan.space.designs(); ++d)
      candidates.push_back({plan.space.describe(d), plan.space.document(d), Bisection({}), {}});
  }
  for (auto& candidate : candidates) {
    check_slo(candidate);
    candidate.row.name = candidate.name;
    const auto key = load_key(candidate.document);
    candidate.bisection = Bisection({load_of(candidate.document), options.precision, key.whole});
  }
  return candidates;
}

struct Run {
  std::size_t candidate = 0;
  double load = 0;
  double length = 1;  ///< times the scenario's requests
};

Node document_of(const Candidate& candidate, const Run& run) {
  Node document = candidate.document;
  set_load(document, run.load);
  if (run.length == 1) return document;
  const auto requests = read_serving_scenario(document).workload.requests.value_or(500);
  set_path(document, "workload.requests",
           Node::scalar(fmt::format("{:.0f}", run.length * static_cast<double>(requests))),
           document.where);
  return document;
}

/// Figures of every run, in order; empty with `error` set where it failed.
struct Found {
  Figures figures;
  std::string error;
};

std::vector<Found> simulate_runs(const std::vector<Candidate>& candidates,
                                 const std::vector<Run>& runs, unsigned jobs) {
  std::vector<Found> found(runs.size());
  const auto job = [&](std::size_t i) {
    const Node document = document_of(candidates[runs[i].candidate], runs[i]);
    Serving serving(read_serving_scenario(document), places_of(document));
    return pack_figures(result_figures(run_design(serving, false)));
  };
  run_processes(
      runs.size(), jobs, job,
      [&](std::size_t i, ProcessOutcome outcome) {
        if (outcome.end == ProcessOutcome::End::kBytes)
          found[i].figures = unpack_figures(outcome.text);
        else
          found[i].error = outcome.text;
      },
      [&](std::size_t i) { share_inputs(candidates[runs[i].candidate].document); });
  return found;
}

double figure(const Figures& figures, const std::string& name) {
  for (const auto& [key, value] : figures)
    if (key == name) return value;
  return 0;
}

/// Takes in one run; true when it met the service level.
bool take(Candidate& candidate, const Run& run, const Found& found, double attainment) {
  auto& row = candidate.row;
  ++row.runs;
  if (!found.error.empty()) {
    row.error = found.error;
    return false;
  }
  row.gpus = figure(found.figures, "gpus");
  const bool meets = figure(found.figures, "goodput.fraction") >= attainment;
  if (meets && (!row.load || run.load >= *row.load)) {
    row.load = run.load;
    row.figures = found.figures;
  }
  return meets;
}

/// One step of every design's bisection at a time, so that designs use all cores.
void find_capacities(std::vector<Candidate>& candidates, const CapacityOptions& options) {
  const bool progress = !options.quiet && isatty(STDERR_FILENO) != 0;
  for (int round = 1;; ++round) {
    std::vector<Run> runs;
    for (std::size_t c = 0; c < candidates.size(); ++c)
      if (const auto load = candidates[c].bisection.next(); load && candidates[c].row.error.empty())
        runs.push_back({c, *load, 1});
    if (runs.empty()) break;
    if (progress) fmt::print(stderr, "\r\033[Kround {}: {} designs", round, runs.size());
    const auto found = simulate_runs(candidates, runs, options.jobs);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      auto& candidate = candidates[runs[i].candidate];
      candidate.bisection.tell(runs[i].load,
                               take(candidate, runs[i], found[i], options.attainment));
    }
  }
  if (progress) fmt::print(stderr, "\r\033[K");
}

/// Past saturation a queue grows for as long as requests come: whether the answer holds for a run
/// of twice the length tells a capacity from a short run.
void check_twice_as_long(std::vector<Candidate>& candidates, const CapacityOptions& options) {
  std::vector<Run> runs;
  for (std::size_t c = 0; c < candidates.size(); ++c)
    if (candidates[c].row.load) runs.push_back({c, *candidates[c].row.load, 2});
  const auto found = simulate_runs(candidates, runs, options.jobs);
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (found[i].error.empty())
      candidates[runs[i].candidate].row.twice_fraction =
          figure(found[i].figures, "goodput.fraction");
}

/// The design with the fewest GPUs that carries the load: bisection over designs by size.
std::vector<CapacityRow> find_smallest(std::vector<Candidate>& candidates,
                                       const CapacityOptions& options) {
  const Node asked = parse_yaml(options.load, "--load " + options.load);
  const bool whole = load_key(candidates.front().document).whole;
  const double load =
      whole ? static_cast<double>(read_integer(asked)) : read_quantity(asked, Dimension::kRate);
  for (auto& candidate : candidates) {
    candidate.row.gpus =
        static_cast<double>(serving_gpus(read_serving_scenario(candidate.document)));
  }
  std::ranges::stable_sort(candidates, {}, [](const Candidate& c) { return c.row.gpus; });
  std::size_t low = 0, high = candidates.size();  // everything below `low` misses
  while (low < high) {
    const auto middle = (low + high) / 2;
    const Run run{middle, load, 1};
    const auto found = simulate_runs(candidates, {run}, 1);
    const bool meets = take(candidates[middle], run, found.front(), options.attainment);
    if (meets)
      high = middle;
    else
      low = middle + 1;
  }
  if (low == candidates.size())
    throw SimulationError(fmt::format("no design of {} carries {}", options.file, options.load));
  std::vector<Candidate> answer = {candidates[low]};
  check_twice_as_long(answer, options);
  return {answer.front().row};
}

}  // namespace

int capacity_command(const CapacityOptions& options) {
  auto candidates = read_candidates(options);
  if (!options.json.empty() && options.json != "-") check_writable(options.json);
  std::vector<CapacityRow> rows;
  if (!options.load.empty()) {
    rows = find_smallest(candidates, options);
  } else {
    find_capacities(candidates, options);
    check_twice_as_long(candidates, options);
    for (const auto& candidate : candidates) rows.push_back(candidate.row);
  }
  const bool whole = load_key(candidates.front().document).whole;
  if (options.json == "-")
    fmt::print("{}", capacity_json(rows));
  else if (!options.json.empty())
    write_output_file(options.json, capacity_json(rows));
  if (!options.quiet && options.json != "-")
    fmt::print("{}", capacity_table(rows, whole, options.attainment));
  const bool none =
      std::ranges::none_of(rows, [](const auto& row) { return row.load.has_value(); });
  if (none) throw SimulationError("no design meets its service level at any load that was tried");
  return 0;
}

}  // namespace moesim
