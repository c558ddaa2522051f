#include "sim/report/study_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/core/version.hpp"
#include "sim/metrics/distribution.hpp"
#include "sim/report/human.hpp"
#include "sim/report/json_text.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

std::string range_text(const Spread& spread) {
  if (spread.max - spread.min <= 1e-9 * spread.max) return "";
  return fmt::format("{} to {}", human_time(spread.min), human_time(spread.max));
}

Json spread_json(const Spread& spread) {
  return {{"mean", spread.mean}, {"min", spread.min}, {"max", spread.max}};
}

Json outcome_json(const CollectiveOutcome& o) {
  Json json = {{"transport", o.transport},
               {"collective", o.collective},
               {"ranks", o.ranks},
               {"steps", o.steps},
               {"flows", o.flows},
               {"bytes", o.bytes},
               {"completion_s", spread_json(o.completion_s)},
               {"bound_s", o.bound_s},
               {"busiest_link_s", spread_json(o.link_seconds)},
               {"busiest_link", o.busiest_link}};
  if (o.pieces > 0) json["pieces"] = o.pieces;
  if (!o.flow_time_s.empty()) {
    const auto d = distribution(o.flow_time_s);
    json["flow_time_s"] = {{"mean", d.mean}, {"p50", d.p50}, {"p90", d.p90},    {"p95", d.p95},
                           {"p99", d.p99},   {"max", d.max}, {"count", d.count}};
  }
  if (!o.events.empty()) json["events"] = o.events;
  json["link_bytes"] = o.link_bytes;
  return json;
}

}  // namespace

StudyCells study_cells(const StudyResult& study) {
  const auto any = [&](auto has) { return std::ranges::any_of(study.outcomes, has); };
  const bool ranges = any([](const auto& o) { return !range_text(o.completion_s).empty(); });
  const bool flow_times = any([](const auto& o) { return !o.flow_time_s.empty(); });
  StudyCells cells;
  cells.columns = {{"collective", TextTable::kLeft},
                   {"transport", TextTable::kLeft},
                   {"completion"},
                   {"/ even spray"}};
  if (ranges) cells.columns.push_back({"over samples"});
  cells.columns.insert(cells.columns.end(), {{"flows"}, {"pieces"}});
  if (flow_times) cells.columns.insert(cells.columns.end(), {{"flow p50"}, {"flow p99"}});
  cells.columns.push_back({"busiest link", TextTable::kLeft});
  for (const auto& o : study.outcomes) {
    std::vector<std::string> row = {one_line(o.collective), o.transport,
                                    human_time(o.completion_s.mean),
                                    human_fixed(o.completion_s.mean / o.bound_s, 3)};
    if (ranges) row.push_back(range_text(o.completion_s));
    row.push_back(human_count(o.flows));
    row.push_back(o.pieces > 0 ? human_count(o.pieces) : "-");
    if (flow_times) {
      const auto d = distribution(o.flow_time_s);
      row.push_back(d.count > 0 ? human_time(d.p50) : "-");
      row.push_back(d.count > 0 ? human_time(d.p99) : "-");
    }
    row.push_back(o.busiest_link);
    cells.rows.push_back(std::move(row));
  }
  return cells;
}

std::string study_table(const StudyResult& study) {
  std::string out = one_line(study.title) + "\n\n";
  out += fmt::format("fabric        {} GPUs, {} switches, {} links, oversubscription {}:1\n\n",
                     human_count(study.gpus), human_count(study.switches),
                     human_count(static_cast<std::int64_t>(study.link_names.size())),
                     human_number(study.oversubscription));
  auto cells = study_cells(study);
  TextTable table(std::move(cells.columns));
  for (auto& row : cells.rows) table.add(std::move(row));
  out += table.text(0);
  for (const auto& o : study.outcomes)
    for (const auto& event : o.events) out += fmt::format("{}: {}\n", o.transport, event);
  return out;
}

std::string study_json(const StudyResult& study) {
  Json outcomes = Json::array();
  for (const auto& o : study.outcomes) outcomes.push_back(outcome_json(o));
  const Json json = {
      {"schema", 1},
      {"moesim_version", version()},
      {"scenario", node_json(study.scenario)},
      {"gpus", study.gpus},
      {"switches", study.switches},
      {"oversubscription", study.oversubscription},
      {"outcomes", outcomes},
      {"links", {{"name", study.link_names}, {"capacity_bytes_per_s", study.link_capacity}}}};
  return json_text(json);
}

}  // namespace moesim
