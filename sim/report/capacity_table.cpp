#include "sim/report/capacity_table.hpp"

#include <fmt/format.h>

#include "sim/report/human.hpp"
#include "sim/report/json_text.hpp"
#include "sim/report/text.hpp"
#include "sim/report/text_table.hpp"

namespace moesim {
namespace {

std::optional<double> figure(const CapacityRow& row, const char* name) {
  for (const auto& [key, value] : row.figures)
    if (key == name) return value;
  return std::nullopt;
}

std::string time_text(const CapacityRow& row, const char* name) {
  const auto value = figure(row, name);
  return value ? human_time(*value) : "-";
}

std::string percent_text(const std::optional<double>& fraction) {
  return fraction ? human_percent(*fraction) : "-";
}

}  // namespace

std::string capacity_table(std::span<const CapacityRow> rows, bool whole, double attainment) {
  TextTable table({{"design", TextTable::kLeft},
                   {"GPUs"},
                   {whole ? "in flight" : "req/s"},
                   {whole ? "per GPU" : "req/s per GPU"},
                   {"output tok/s"},
                   {"TTFT p99"},
                   {"TPOT p99"},
                   {"within SLO"},
                   {"twice as long"},
                   {"runs"}});
  std::string errors;
  bool short_run = false;
  for (const auto& row : rows) {
    const auto tokens = figure(row, "throughput.output_tokens_per_s");
    const bool fades = row.twice_fraction && *row.twice_fraction < attainment;
    short_run = short_run || fades;
    table.add({one_line(row.name), human_number(row.gpus),
               row.load ? human_number(*row.load) : "none",
               row.load && row.gpus > 0 ? human_number(*row.load / row.gpus) : "-",
               tokens ? human_number(*tokens) : "-", time_text(row, "ttft_s.p99"),
               time_text(row, "tpot_s.p99"), percent_text(figure(row, "goodput.fraction")),
               percent_text(row.twice_fraction) + (fades ? " !" : ""), std::to_string(row.runs)});
    if (!row.error.empty())
      errors += fmt::format("{}: {}\n", one_line(row.name), one_line(row.error));
  }
  auto out = fmt::format("highest load with {} of the requests within the SLO\n\n{}",
                         human_percent(attainment), table.text(0));
  if (short_run)
    out +=
        "\n! with twice the requests the SLO is missed: the queue still grows; set more "
        "workload.requests\n";
  return out + (errors.empty() ? "" : "\n" + errors);
}

std::string capacity_json(std::span<const CapacityRow> rows) {
  Json list = Json::array();
  for (const auto& row : rows) {
    Json json = {{"design", row.name}, {"gpus", row.gpus}, {"runs", row.runs}};
    if (row.load) json["load"] = *row.load;
    if (row.twice_fraction) json["fraction_twice_as_long"] = *row.twice_fraction;
    if (!row.error.empty()) json["error"] = row.error;
    Json figures = Json::object();
    for (const auto& [name, value] : row.figures) figures[name] = value;
    json["figures"] = figures;
    list.push_back(json);
  }
  return json_text(list);
}

}  // namespace moesim
