#include "sim/cli/serving_accuracy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <set>
#include <span>

#include "sim/cli/simulate.hpp"
#include "sim/core/random.hpp"
#include "sim/metrics/collector.hpp"

namespace moesim {
namespace {

/// InferenceMAX sends ten times the concurrency (`--num-prompts $((CONC * 10))`,
/// https://github.com/InferenceMAX/InferenceMAX, benchmarks/*.sh); assumed for the table's other
/// sources too.
constexpr std::int64_t kBenchmarkRounds = 10;

struct Point {
  const ServingMeasurement* measured = nullptr;
  MeasuredScenario scenario;
  std::size_t design = 0;  ///< meaningful unless left out
  std::optional<std::size_t> speculating = {};
  bool fitted = false;  ///< of the half that the engine profiles were fitted on
};

/// What one simulation gave.
struct Simulated {
  ServingMeans means;
  std::string left_out, message;
};

/// Of a run, only what the table has measured.
class RequestTimes final : public RunObserver {
 public:
  void on_step(const StepEvent&) override {}
  void on_token_gap(Seconds) override { ++gaps_; }
  void on_finished(const Request& request) override { rows_.push_back(request_row(request)); }
  void on_failed(const Request&) override {}

  /// In order of arrival. Throws SimulationError when a token is missing.
  const std::vector<RequestRow>& rows() {
    std::ranges::sort(rows_, {}, &RequestRow::id);
    std::int64_t later_tokens = 0;
    for (const auto& row : rows_) later_tokens += row.output_tokens - 1;
    if (gaps_ != later_tokens)
      throw SimulationError(
          fmt::format("{} tokens followed a first one, {} were asked for", gaps_, later_tokens));
    return rows_;
  }

 private:
  std::vector<RequestRow> rows_;
  std::int64_t gaps_ = 0;
};

/// What a simulation's process says of it.
struct ServedMeans {
  std::int64_t failed = 0;
  ServingMeans means;
};

std::string served_means(Serving& serving, std::int64_t concurrency) {
  RequestTimes times;
  serving.run(times);
  ServedMeans served{serving.failed(), {}};
  if (served.failed == 0) served.means = means_of_ten_rounds(times.rows(), concurrency);
  return {reinterpret_cast<const char*>(&served), sizeof served};
}

Design design_of(const Point& point, const Node& document) {
  Design design{point.measured->id, "", document, {}, {}};
  design.scenario = read_serving_scenario(design.document);
  design.places = places_of(design.document);
  return design;
}

/// One measurement listed again: the same run under another id.
std::string measurement_key(const Point& point) {
  const auto& m = *point.measured;
  return fmt::format("{} {} {} {} {} {} {} {}", m.backend, point.scenario.model, m.system,
                     m.input_tokens, m.output_tokens, point.scenario.concurrency, m.ttft_s,
                     m.tpot_s);
}

std::vector<Point> points_of(const std::vector<ServingMeasurement>& measurements,
                             const AccuracyOptions& options, std::vector<Design>& designs) {
  std::vector<Point> points;
  std::map<std::string, std::size_t> design_of_text;
  std::set<std::string> seen;
  for (const auto& measured : measurements) {
    auto& point =
        points.emplace_back(Point{&measured, measured_scenario(measured, options.rounds), 0});
    if (!point.scenario.left_out.empty()) continue;
    const auto key = measurement_key(point);
    if (!seen.insert(key).second) {
      point.scenario.left_out = "listed again: the same measurement under another id";
      continue;
    }
    point.fitted = options.halves && stream_id(key) % 2 == 0;
    if (options.fitted && point.fitted != *options.fitted) {
      points.pop_back();
      continue;
    }
    const auto add = [&](const Node& document) {
      const auto [at, added] = design_of_text.emplace(to_yaml(document), designs.size());
      if (added) designs.push_back(design_of(point, document));
      return at->second;
    };
    point.design = add(point.scenario.document);
    if (point.scenario.speculating) point.speculating = add(*point.scenario.speculating);
  }
  return points;
}

/// So that no core is left with a large scenario at the end.
void largest_designs_first(std::vector<Design>& designs, std::vector<Point>& points) {
  const auto size = [&](std::size_t i) {
    const auto& scenario = designs[i].scenario;
    return scenario.cluster.gpus() * scenario.workload.requests.value_or(0);
  };
  std::vector<std::size_t> order(designs.size()), place(designs.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater{}, size);
  std::vector<Design> ordered;
  for (const auto i : order) {
    place[i] = ordered.size();
    ordered.push_back(std::move(designs[i]));
  }
  designs = std::move(ordered);
  for (auto& point : points) {
    if (!point.scenario.left_out.empty()) continue;
    point.design = place[point.design];
    if (point.speculating) point.speculating = place[*point.speculating];
  }
}

std::vector<Simulated> predict(const std::vector<Design>& designs,
                               const std::vector<std::int64_t>& concurrency,
                               const AccuracyOptions& options) {
  std::vector<Simulated> predictions(designs.size());
  std::size_t ended = 0;
  const auto job = [&](std::size_t i, Serving& serving) {
    return served_means(serving, concurrency[i]);
  };
  serve_each(designs, options.jobs, job, [&](std::size_t i, ProcessOutcome outcome) {
    using End = ProcessOutcome::End;
    auto& p = predictions[i];
    ServedMeans served;
    if (outcome.end == End::kBytes && outcome.text.size() == sizeof served)
      std::memcpy(&served, outcome.text.data(), sizeof served);
    if (outcome.end != End::kBytes) {
      p.left_out =
          outcome.end == End::kRefused ? "refused before the run" : "the simulation failed";
      p.message = std::move(outcome.text);
    } else if (served.failed > 0) {
      p.left_out = "requests that do not fit in the KV memory";
    } else {
      p.means = served.means;
    }
    if (options.progress) options.progress(++ended, designs.size());
  });
  return predictions;
}

/// Errors of the points of one group, both metrics.
struct GroupErrors {
  std::vector<double> tpot, ttft;
  std::int64_t left_out = 0;
};

constexpr const char* kReported = "overall";
constexpr const char* kFitted = "fit half";

/// Parameters were fitted on one half: the others are what the groups report, unless the fit half
/// was asked for alone.
std::vector<std::string> groups_of(const Point& point, bool fit_half_alone) {
  if (point.fitted && !fit_half_alone) return {kFitted};
  return {point.fitted ? kFitted : kReported, "model " + point.scenario.model,
          "device " + point.scenario.node, "engine " + point.measured->backend,
          "mode " + point.measured->mode};
}

/// The whole first, then by model, device, engine and mode (agg, disagg).
int section_of(const std::string& group) {
  int section = 0;
  for (const auto* start : {kReported, kFitted, "model ", "device ", "engine ", "mode "}) {
    if (group.starts_with(start)) return section;
    ++section;
  }
  return section;
}

std::vector<LedgerEntry> entries_of(const std::map<std::string, GroupErrors>& groups) {
  std::vector<std::string> names;
  for (const auto& [name, group] : groups) names.push_back(name);
  std::ranges::stable_sort(names, {}, section_of);
  std::vector<LedgerEntry> entries;
  for (const auto& name : names) {
    const auto& group = groups.at(name);
    const bool all = name == kReported;
    entries.push_back({"serving", name, "TPOT", error_statistics(group.tpot), group.left_out,
                       all ? std::optional(0.10) : std::nullopt, std::nullopt,
                       all ? std::optional(0.25) : std::nullopt});
    entries.push_back({"serving", name, "TTFT", error_statistics(group.ttft), group.left_out,
                       all ? std::optional(0.20) : std::nullopt});
  }
  return entries;
}

/// The prediction that a point is compared with. Where the table does not record whether tokens
/// were drafted, that is read from its TPOT: the nearer of the two predictions.
const Simulated& prediction_of(const Point& point, const std::vector<Simulated>& predictions) {
  const auto& plain = predictions[point.design];
  if (!point.speculating) return plain;
  const auto& speculating = predictions[*point.speculating];
  if (!plain.left_out.empty() || !speculating.left_out.empty()) return plain;
  const auto distance = [&](const Simulated& s) {
    return std::abs(std::log(s.means.tpot_s / point.measured->tpot_s));
  };
  return distance(speculating) < distance(plain) ? speculating : plain;
}

double mean_over(std::span<const RequestRow> requests, double RequestRow::*value) {
  double sum = 0;
  for (const auto& request : requests) sum += request.*value;
  return sum / static_cast<double>(requests.size());
}

}  // namespace

ServingMeans means_of_ten_rounds(std::span<const RequestRow> requests, std::int64_t concurrency) {
  const auto round = static_cast<std::size_t>(concurrency);
  if (requests.size() <= round)
    return {mean_over(requests, &RequestRow::ttft_s), mean_over(requests, &RequestRow::tpot_s)};
  const auto weighted = [](double one, double others) {
    return (one + (kBenchmarkRounds - 1) * others) / kBenchmarkRounds;
  };
  const auto before_last = requests.size() - round;
  return {weighted(mean_over(requests.first(round), &RequestRow::ttft_s),
                   mean_over(requests.subspan(round), &RequestRow::ttft_s)),
          weighted(mean_over(requests.subspan(before_last), &RequestRow::tpot_s),
                   mean_over(requests.first(before_last), &RequestRow::tpot_s))};
}

ServingAccuracy serving_accuracy(const std::vector<ServingMeasurement>& measurements,
                                 const AccuracyOptions& options) {
  std::vector<Design> designs;
  auto points = points_of(measurements, options, designs);
  largest_designs_first(designs, points);
  std::vector<std::int64_t> concurrency(designs.size());
  for (const auto& point : points) {
    if (!point.scenario.left_out.empty()) continue;
    concurrency[point.design] = point.scenario.concurrency;
    if (point.speculating) concurrency[*point.speculating] = point.scenario.concurrency;
  }
  const auto predictions = predict(designs, concurrency, options);

  ServingAccuracy accuracy;
  accuracy.rows = static_cast<std::int64_t>(points.size());
  accuracy.scenarios = static_cast<std::int64_t>(designs.size());
  std::map<std::string, GroupErrors> groups;
  for (const auto& point : points) {
    auto why = point.scenario.left_out;
    const Simulated none;
    const auto& prediction = why.empty() ? prediction_of(point, predictions) : none;
    if (why.empty()) why = prediction.left_out;
    if (!why.empty())
      ++accuracy.left_out[why];
    else
      ++accuracy.compared;
    if (!prediction.message.empty()) accuracy.example.emplace(why, prediction.message);
    for (const auto& name : groups_of(point, options.fitted.value_or(false))) {
      auto& group = groups[name];
      if (!why.empty()) {
        ++group.left_out;
        continue;
      }
      group.tpot.push_back(prediction.means.tpot_s / point.measured->tpot_s - 1);
      group.ttft.push_back(prediction.means.ttft_s / point.measured->ttft_s - 1);
    }
    if (!why.empty()) continue;
    const auto& m = *point.measured;
    const auto add = [&](const char* metric, double measured, double predicted) {
      accuracy.points.push_back(
          {"serving",
           fmt::format("{} on {}, {}", point.scenario.model, point.scenario.node, m.backend),
           metric, m.id, measured, predicted, point.fitted});
    };
    add("TPOT", m.tpot_s, prediction.means.tpot_s);
    add("TTFT", m.ttft_s, prediction.means.ttft_s);
  }
  accuracy.entries = entries_of(groups);
  return accuracy;
}

}  // namespace moesim
