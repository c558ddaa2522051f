// The JSON Schema against the scenarios that ship: a validator of the keywords that the schema
// uses.
#include <gtest/gtest.h>

#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "sim/core/node.hpp"
#include "sim/core/registry.hpp"
#include "sim/report/reference.hpp"
#include "tests/cli/run_binary.hpp"

namespace moesim {
namespace {

using Json = nlohmann::json;

const Json& schema() {
  static const Json parsed = Json::parse(testing::run_binary({"schema"}).out);
  return parsed;
}

Json as_json(const Node& node) {
  if (node.is_null()) return nullptr;
  if (node.is_scalar()) {
    if (node.quoted) return node.text;
    if (node.text == "true" || node.text == "false") return node.text == "true";
    double number = 0;
    const auto [end, error] =
        std::from_chars(node.text.data(), node.text.data() + node.text.size(), number);
    if (error == std::errc() && end == node.text.data() + node.text.size()) {
      if (node.text.find_first_of(".eE") == std::string::npos)
        return static_cast<std::int64_t>(number);
      return number;
    }
    return node.text;
  }
  Json json = node.is_sequence() ? Json::array() : Json::object();
  for (std::size_t i = 0; i < node.items.size(); ++i)
    if (node.is_sequence())
      json.push_back(as_json(node.items[i]));
    else
      json[node.keys[i]] = as_json(node.items[i]);
  return json;
}

bool has_type(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  if (type == "integer") return value.is_number_integer();
  return type == "number" && value.is_number();
}

std::string fault(const Json& value, const Json& rule);

std::string fault_of_object(const Json& value, const Json& rule) {
  for (const auto& key : rule.value("required", Json::array()))
    if (!value.contains(key)) return "no " + key.get<std::string>();
  const auto& properties = rule.value("properties", Json::object());
  for (const auto& [key, item] : value.items()) {
    if (properties.contains(key)) {
      if (const auto inside = fault(item, properties[key]); !inside.empty())
        return key + "." + inside;
    } else if (!rule.value("additionalProperties", true)) {
      return "unknown " + key;
    }
  }
  return "";
}

/// "" when `value` conforms.
std::string fault(const Json& value, const Json& rule) {
  if (rule.contains("anyOf")) {
    std::string faults;
    for (const auto& option : rule["anyOf"]) {
      const auto one = fault(value, option);
      if (one.empty()) return "";
      faults += one + " | ";
    }
    return "none of: " + faults;
  }
  if (rule.contains("const") && value != rule["const"]) return "not " + rule["const"].dump();
  if (rule.contains("enum") && std::ranges::find(rule["enum"], value) == rule["enum"].end())
    return "not listed";
  if (rule.contains("type") && !has_type(value, rule["type"]))
    return value.dump() + " is no " + rule["type"].dump();
  if (rule.contains("pattern") &&
      !std::regex_search(value.get<std::string>(), std::regex(rule["pattern"].get<std::string>())))
    return value.dump() + " does not match";
  if (rule.contains("minimum") && value < rule["minimum"]) return "below the minimum";
  if (rule.contains("exclusiveMinimum") && value <= rule["exclusiveMinimum"])
    return "below the minimum";
  if (rule.contains("maximum") && value > rule["maximum"]) return "above the maximum";
  if (value.is_array() && rule.contains("items"))
    for (const auto& item : value)
      if (const auto inside = fault(item, rule["items"]); !inside.empty()) return inside;
  return value.is_object() ? fault_of_object(value, rule) : "";
}

TEST(Schema, AcceptsEveryScenarioThatShips) {
  int scenarios = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(MOESIM_SOURCE_DIR "/scenarios")) {
    if (entry.path().extension() != ".yaml") continue;
    const Node document = read_yaml(entry.path().string());
    if (document.find("axes") != nullptr) continue;  // a sweep: not a scenario, but about one
    ++scenarios;
    EXPECT_EQ(fault(as_json(document), schema()), "") << entry.path();
  }
  EXPECT_GE(scenarios, 2);
}

TEST(Schema, AcceptsWhatCheckPrints) {
  const auto resolved =
      testing::run_binary({"check", MOESIM_SOURCE_DIR "/scenarios/quickstart.yaml"});
  ASSERT_EQ(resolved.code, 0) << resolved.err;
  EXPECT_EQ(fault(as_json(parse_yaml(resolved.out, "check")), schema()), "");
}

TEST(Schema, RefusesWhatTheReaderRefuses) {
  const std::string start = "model: {name: olmoe}\ncluster: {node: hgx-h200}\n";
  for (const char* bad :
       {"modle: 3", "seed: abc", "seed: -1", "parallel: {tensor: 0}", "parallel: 2",
        "engine: {scheduler: vlm-v1}", "engine: {host_time: 3}",
        "engine: {scheduler: {typ: vllm-v1}}", "workload: {arrivals: {type: poisson}}",
        "workload: {arrivals: {type: poisson, rat: 1 /s}}"})
    EXPECT_NE(fault(as_json(parse_yaml(start + bad, "f")), schema()), "") << bad;
  EXPECT_EQ(fault(as_json(parse_yaml(start + "engine: {host_time: 3 us}", "f")), schema()), "");
}

/// Slots that a scenario has a place for; others belong to commands with inputs of their own.
void add_slots(const std::vector<ParameterInfo>& infos, std::set<std::string>& slots) {
  for (const auto& info : infos) {
    add_slots(info.children, slots);
    if (info.slot.empty() || !slots.insert(info.slot).second) continue;
    for (const auto& [name, policy] : slot_catalogue().at(info.slot).implementations)
      add_slots(policy.parameters(), slots);
  }
}

TEST(Schema, KnowsEveryPolicyOfEverySlotOfAScenario) {
  std::set<std::string> slots;
  add_slots(serving_parameters(), slots);
  EXPECT_GE(slots.size(), 9U);
  const auto text = schema().dump();
  for (const auto& slot : slots)
    for (const auto& [name, info] : slot_catalogue().at(slot).implementations)
      EXPECT_NE(text.find("\"const\":\"" + name + "\""), std::string::npos) << slot << " " << name;
}

}  // namespace
}  // namespace moesim
