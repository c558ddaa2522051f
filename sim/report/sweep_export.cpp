#include "sim/report/sweep_export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/core/csv.hpp"
#include "sim/report/json_text.hpp"
#include "sim/report/result_json.hpp"

namespace moesim {
namespace {

/// What happened to a point: its result, or that its scenario cannot be read; null: not run.
struct PointView {
  std::string state, error;
  const Figures* figures = nullptr;
};

std::optional<PointView> view_of(const SweepTable& table, std::size_t point) {
  static const Figures none;
  if (const auto& error = table.points()[point].error; !error.empty())
    return PointView{name_of(StoredResult::State::kRefused), error, &none};
  const auto* result = table.result(point);
  if (result == nullptr) return std::nullopt;
  return PointView{name_of(result->state), result->error, &result->figures};
}

/// Names in the order in which points report them.
std::vector<std::string> figures_of(const SweepTable& table) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (std::size_t p = 0; p < table.points().size(); ++p)
    if (const auto view = view_of(table, p))
      for (const auto& [name, value] : *view->figures)
        if (seen.insert(name).second) names.push_back(name);
  return names;
}

const std::string& label_of(const SweepTable& table, std::size_t design, std::size_t axis) {
  const auto value = static_cast<std::size_t>(table.space().choice(design)[axis]);
  return table.file().axes[axis].values[value].label;
}

std::string csv_row(const SweepTable& table, std::size_t point, const PointView& view,
                    const std::vector<std::string>& figures) {
  const auto design = table.space().design_of(point);
  std::string row;
  for (std::size_t a = 0; a < table.file().axes.size(); ++a)
    row += csv_cell(label_of(table, design, a)) + ",";
  row += fmt::format("{},{},{}", table.space().seed(point), view.state, csv_cell(view.error));
  for (const auto& metric : table.file().metrics) {
    const auto value = table.value(metric.value, point);
    row += value ? fmt::format(",{}", *value) : ",";
  }
  for (const auto& name : figures) {
    const auto found = std::ranges::find(*view.figures, name, &Figures::value_type::first);
    row += found != view.figures->end() ? fmt::format(",{}", found->second) : ",";
  }
  return row + "\n";
}

Json axes_json(const SweepTable& table) {
  Json axes = Json::array();
  for (const auto& axis : table.file().axes) {
    Json values = Json::array();
    for (const auto& value : axis.values) values.push_back(value.label);
    axes.push_back({{"name", axis.name}, {"values", values}});
  }
  return axes;
}

Json settings_json(const SweepTable& table, std::size_t design) {
  Json settings = Json::object();
  for (std::size_t a = 0; a < table.file().axes.size(); ++a)
    settings[table.file().axes[a].name] = label_of(table, design, a);
  return settings;
}

Json design_json(const SweepTable& table, std::size_t design) {
  Json json = {{"design", design}, {"settings", settings_json(table, design)}};
  const auto& row = table.rows()[design];
  Json objectives = Json::object();
  for (std::size_t i = 0; i < row.objectives.size(); ++i)
    if (row.objectives[i])
      objectives[table.file().objectives[i].name] = {{"mean", row.objectives[i]->mean},
                                                     {"half_width", row.objectives[i]->half_width}};
  json["objectives"] = objectives;
  if (row.violation) json["violation"] = *row.violation;
  return json;
}

Json point_json(const SweepTable& table, std::size_t point, const PointView& view) {
  const auto design = table.space().design_of(point);
  Json json = {{"design", design},
               {"settings", settings_json(table, design)},
               {"seed", table.space().seed(point)},
               {"state", view.state}};
  if (!view.error.empty()) json["error"] = view.error;
  Json figures = Json::object();
  for (const auto& metric : table.file().metrics)
    if (const auto value = table.value(metric.value, point)) figures[metric.name] = *value;
  for (const auto& [name, value] : *view.figures) figures[name] = value;
  json["figures"] = figures;
  return json;
}

}  // namespace

std::string sweep_csv(const SweepTable& table) {
  const auto figures = figures_of(table);
  std::string out;
  for (const auto& axis : table.file().axes) out += csv_cell(axis.name) + ",";
  out += "seed,state,error";
  for (const auto& metric : table.file().metrics) out += "," + csv_cell(metric.name);
  for (const auto& name : figures) out += "," + csv_cell(name);
  out += "\n";
  for (std::size_t p = 0; p < table.points().size(); ++p)
    if (const auto view = view_of(table, p)) out += csv_row(table, p, *view, figures);
  return out;
}

std::string sweep_json(const SweepTable& table) {
  Json json = Json::object();
  json["schema"] = "moesim-sweep-1";
  json["title"] = table.file().title;
  json["question"] = table.file().question;
  json["axes"] = axes_json(table);
  Json objectives = Json::array();
  for (const auto& objective : table.file().objectives)
    objectives.push_back({{"name", objective.name},
                          {"goal", objective.maximize ? "maximize" : "minimize"},
                          {"formula", objective.value.text()}});
  json["objectives"] = objectives;
  json["constraints"] = Json::array();
  for (const auto& constraint : table.file().constraints)
    json["constraints"].push_back(constraint.text());
  if (const auto best = table.best()) json["best"] = design_json(table, *best);
  json["front"] = Json::array();
  for (const auto design : table.front()) json["front"].push_back(design_json(table, design));
  json["points"] = Json::array();
  for (std::size_t p = 0; p < table.points().size(); ++p)
    if (const auto view = view_of(table, p)) json["points"].push_back(point_json(table, p, *view));
  return json_text(json);
}

}  // namespace moesim
