#include "sim/cli/sweep_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/cli/process_pool.hpp"
#include "sim/cli/simulate.hpp"
#include "sim/cli/study_command.hpp"
#include "sim/cli/sweep_progress.hpp"
#include "sim/report/result_figures.hpp"
#include "sim/scenario/document.hpp"
#include "sim/sweep/point_key.hpp"

namespace moesim {
namespace {

using State = StoredResult::State;

std::string figures_of_run(const Node& document) {
  if (kind_of(document) == "collective")
    return pack_figures(result_figures(run_study_apart(read_collective_scenario(document))));
  Serving serving(read_serving_scenario(document), places_of(document));
  return pack_figures(result_figures(run_design(serving, false)));
}

StoredResult stored(const std::string& key, const ProcessOutcome& outcome) {
  using End = ProcessOutcome::End;
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

Score score_of(const SweepTable& table, std::size_t design) {
  const auto& row = table.rows()[design];
  constexpr double kWorst = std::numeric_limits<double>::infinity();
  if (!row.violation || !row.objectives.front()) return {kWorst, kWorst};
  const double mean = row.objectives.front()->mean;
  return {*row.violation, table.file().objectives.front().maximize ? -mean : mean};
}

}  // namespace

SweepRun::SweepRun(const SweepPlan& plan, SweepStore& store, const SweepRunOptions& options)
    : plan_(plan),
      store_(store),
      options_(options),
      table_(plan.space, plan.points, store.results()) {}

Node SweepRun::document_at(std::size_t point, double length, const std::string& key) const {
  Node document = plan_.space.point_document(point);
  if (length >= 1) return document;
  const Node* whole = find_path(document, key);
  if (whole == nullptr)
    throw InputError(plan_.file.search.where,
                     fmt::format("the search shortens '{}', which the scenario does not set", key));
  const auto shortened = std::max(1.0, std::round(length * read_number(*whole)));
  set_path(document, key, Node::scalar(fmt::format("{:.0f}", shortened)), whole->where);
  return document;
}

SweepTable& SweepRun::table_at(double length, const std::string& key) {
  if (length >= 1) return table_;
  auto& table = shortened_[length];
  if (!table) {
    auto points = plan_.points;
    for (std::size_t p = 0; p < points.size(); ++p)
      if (!points[p].key.empty()) points[p].key = point_key(document_at(p, length, key));
    table = std::make_unique<SweepTable>(plan_.space, std::move(points), store_.results());
  }
  return *table;
}

/// Unless it has a final result, cannot be read, or is among the jobs already.
void SweepRun::add_job(std::vector<Job>& jobs, const SweepTable& table, std::size_t point,
                       double length) const {
  const auto& key = table.points()[point].key;
  const auto* result = table.result(point);
  const bool final = result != nullptr && result->state != State::kDied &&
                     (result->state == State::kDone || !options_.retry);
  if (key.empty() || final) return;
  jobs.push_back({point, length, key});
}

void SweepRun::run(const std::vector<Job>& jobs, const std::string& length_key) {
  SweepProgress progress(table_, jobs.size(), options_.progress);
  const auto job = [&](std::size_t i) {
    return figures_of_run(document_at(jobs[i].point, jobs[i].length, length_key));
  };
  run_processes(
      jobs.size(), options_.jobs, job,
      [&](std::size_t i, ProcessOutcome outcome) {
        const auto result = stored(jobs[i].key, outcome);
        store_.record(result);
        table_.set(result);
        for (auto& [length, table] : shortened_) table->set(result);
        progress.finished(result);
      },
      [&](std::size_t i) { share_inputs(document_at(jobs[i].point, jobs[i].length, length_key)); });
}

void SweepRun::run_points(const std::function<bool(std::size_t point)>& mine) {
  std::vector<Job> jobs;
  for (std::size_t p = 0; p < table_.points().size(); ++p)
    if (mine(p)) add_job(jobs, table_, p, 1);
  // Two points may be the same scenario: it is run once.
  std::ranges::stable_sort(jobs, {}, &Job::key);
  jobs.erase(std::ranges::unique(jobs, {}, &Job::key).begin(), jobs.end());
  std::ranges::sort(jobs, {}, &Job::point);
  run(jobs, "");
}

SearchCount SweepRun::run_search(Search& search) {
  SearchCount count;
  const auto key = search.length_key();
  const auto scores = [&](const Trial& trial) -> std::optional<Score> {
    return score_of(table_at(trial.length, key), trial.design);
  };
  const auto repeats = static_cast<std::size_t>(plan_.file.repeats);
  while (true) {
    const auto trials = search.next(scores);
    if (trials.empty()) return count;
    std::vector<Job> jobs;
    for (const auto& trial : trials) {
      auto& table = table_at(trial.length, key);
      for (std::size_t r = 0; r < repeats; ++r)
        add_job(jobs, table, trial.design * repeats + r, trial.length);
      ++(trial.length < 1 ? count.shortened : count.whole);
      count.work += trial.length;
    }
    run(jobs, key);
  }
}

}  // namespace moesim
