#include "calibrate/bench_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sim/core/error.hpp"

namespace moesim {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "moesim-bench/1";

Json properties_json(const BenchRecord::Properties& properties) {
  Json json = Json::object();
  for (const auto& [name, text] : properties) json[name] = text;
  return json;
}

BenchRecord::Properties read_properties(const Json& json) {
  BenchRecord::Properties properties;
  for (const auto& [name, value] : json.items())
    properties.emplace_back(name, value.get<std::string>());
  return properties;
}

Json entry_json(const BenchEntry& entry) {
  Json json = {{"name", entry.name}, {"file", entry.file}, {"status", entry.status}};
  if (entry.started.empty()) return json;
  json["started"] = entry.started;
  json["seconds"] = entry.seconds;
  json["rows"] = entry.rows;
  if (!entry.error.empty()) json["error"] = entry.error;
  return json;
}

BenchEntry read_entry(const Json& json) {
  BenchEntry entry;
  entry.name = json.at("name");
  entry.file = json.at("file");
  entry.status = json.at("status");
  entry.error = json.value("error", "");
  entry.started = json.value("started", "");
  entry.seconds = json.value("seconds", 0.0);
  entry.rows = json.value("rows", std::int64_t{0});
  return entry;
}

Json noise_json(const BenchNoise& noise) {
  Json json = {{"program", "memory_stream --short"},
               {"anchor_cv", noise.cv()},
               {"points", noise.points},
               {"drift", noise.drift()},
               {"anchors", Json::array()}};
  for (const auto& anchor : noise.anchors)
    json["anchors"].push_back(
        {{"when", anchor.when}, {"date_utc", anchor.date_utc}, {"latency_us", anchor.latency_us}});
  return json;
}

BenchNoise read_noise(const Json& json) {
  BenchNoise noise;
  noise.points = json.at("points").get<std::vector<std::string>>();
  for (const auto& anchor : json.at("anchors")) {
    noise.anchors.push_back({anchor.at("when"), anchor.at("date_utc"),
                             anchor.at("latency_us").get<std::vector<double>>()});
    if (noise.anchors.back().latency_us.size() != noise.points.size())
      throw InputError("an anchor has another number of times than there are points");
  }
  return noise;
}

BenchRecord read_record(const Json& json) {
  BenchRecord record;
  const auto& device = json.at("device");
  record.kind = device.at("kind");
  record.selected = device.at("selected");
  record.name = device.at("name");
  record.before = read_properties(device.at("properties"));
  record.after = read_properties(device.at("properties_after"));
  const auto& suite = json.at("suite");
  record.version = suite.at("version");
  record.date_utc = suite.at("date_utc");
  record.seed = suite.at("seed");
  record.short_mode = suite.at("short");
  record.host_cpu = suite.at("host_cpu");
  record.total_s = suite.at("total_s");
  for (const auto& entry : suite.at("ops")) record.operations.push_back(read_entry(entry));
  record.noise = read_noise(json.at("noise"));
  return record;
}

}  // namespace

BenchEntry* BenchRecord::find(const std::string& operation) {
  const auto found = std::ranges::find(operations, operation, &BenchEntry::name);
  return found == operations.end() ? nullptr : &*found;
}

std::string bench_record_json(const BenchRecord& record) {
  Json ops = Json::array();
  for (const auto& entry : record.operations) ops.push_back(entry_json(entry));
  const Json json = {{"schema", kSchema},
                     {"device",
                      {{"kind", record.kind},
                       {"selected", record.selected},
                       {"name", record.name},
                       {"properties", properties_json(record.before)},
                       {"properties_after", properties_json(record.after)}}},
                     {"suite",
                      {{"version", record.version},
                       {"date_utc", record.date_utc},
                       {"seed", record.seed},
                       {"short", record.short_mode},
                       {"host_cpu", record.host_cpu},
                       {"total_s", record.total_s},
                       {"ops", ops}}},
                     {"noise", noise_json(record.noise)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

BenchRecord parse_bench_record(const std::string& text, const std::string& file) {
  try {
    const auto json = Json::parse(text);
    if (json.at("schema") != kSchema)
      throw InputError(fmt::format("schema {} instead of {}", json.at("schema").dump(), kSchema));
    return read_record(json);
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: not the record of a benchmark: {}", file, error.what()));
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("{}: not the record of a benchmark: {}", file, error.what()));
  }
}

}  // namespace moesim
