#include "sim/report/json_schema.hpp"

#include <nlohmann/json.hpp>

#include "sim/core/registry.hpp"
#include "sim/engine/collective_scenario.hpp"
#include "sim/report/reference.hpp"

namespace moesim {
namespace {

using Json = nlohmann::ordered_json;

Json object_schema(const std::vector<ParameterInfo>& infos);

Json slot_schema(const std::string& slot) {
  Json names = Json::array();
  Json objects = Json::array();
  for (const auto& [name, info] : slot_catalogue().at(slot).implementations) {
    names.push_back(name);
    Json object = object_schema(info.parameters());
    object["properties"]["type"] = {{"const", name}, {"description", info.doc}};
    object["required"].push_back("type");
    objects.push_back(std::move(object));
  }
  objects.insert(objects.begin(), Json{{"enum", names}});
  return {{"anyOf", objects}};
}

Json scalar_schema(const ParameterInfo& info) {
  Json schema;
  if (info.type == "bool")
    schema["type"] = "boolean";
  else if (info.type == "integer" || info.type == "number")
    schema["type"] = info.type;
  else if (info.type == "choice")
    schema["enum"] = info.choices;
  else
    schema["type"] = "string";
  if (info.type == "quantity") schema["pattern"] = "^[+-]?[0-9.]+([eE][+-]?[0-9]+)? ?[A-Za-z/]+$";
  if (info.dimension)
    return schema;  // bounds of quantities are in SI units; the reader checks them
  if (info.minimum) schema[info.minimum_excluded ? "exclusiveMinimum" : "minimum"] = *info.minimum;
  if (info.maximum) schema["maximum"] = *info.maximum;
  return schema;
}

Json schema_of(const ParameterInfo& info) {
  Json schema;
  if (info.type == "slot")
    schema = slot_schema(info.slot);
  else if (info.type == "section")
    schema = object_schema(info.children);
  else
    schema = scalar_schema(info);
  if (!info.by_name.empty()) {
    schema["properties"][info.by_name] = {{"type", "string"}};
    schema = {{"anyOf", Json::array({Json{{"type", "string"}}, schema})}};
  }
  if (info.list) schema = {{"type", "array"}, {"items", schema}};
  if (info.nullable) schema = {{"anyOf", Json::array({Json{{"type", "null"}}, schema})}};
  schema["description"] = info.doc + " (" + type_text(info) + "; " + default_text(info) + ")";
  return schema;
}

Json object_schema(const std::vector<ParameterInfo>& infos) {
  Json schema = {{"type", "object"},
                 {"additionalProperties", false},
                 {"properties", Json::object()},
                 {"required", Json::array()}};
  for (const auto& info : infos) {
    schema["properties"][info.name] = schema_of(info);
    if (info.required) schema["required"].push_back(info.name);
  }
  return schema;
}

}  // namespace

std::string scenario_json_schema() {
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                 {"title", "moesim scenario"}};
  schema.update(object_schema(serving_parameters()));
  // One schema for all kinds: every key is known, which kind takes it is said where it is read.
  const auto studies = object_schema(collective_scenario_parameters());
  for (const auto& [key, rule] : studies["properties"].items())
    if (!schema["properties"].contains(key)) schema["properties"][key] = rule;
  schema["properties"]["kind"]["enum"] = {"serving", "collective"};
  // An included file may bring what is required, so nothing is required of the file that is edited.
  schema.erase("required");
  schema["properties"]["include"] = {
      {"description", "file or list of files whose keys are merged under this one's"},
      {"anyOf", Json::array({Json{{"type", "string"}}, Json{{"type", "array"}}})}};
  schema["properties"]["variants"] = {
      {"type", "object"},
      {"description", "designs by name, each merged over the rest of the file"}};
  return schema.dump(2) + "\n";
}

}  // namespace moesim
