#include "sim/report/reference.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sim/core/registry.hpp"
#include "sim/core/suggest.hpp"
#include "sim/engine/collective_scenario.hpp"
#include "sim/serving/serving_scenario.hpp"

namespace moesim {
namespace {

std::string one_line(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "none";
    case Node::Kind::kScalar:
      return node.text.empty() ? "\"\"" : node.text;
    case Node::Kind::kSequence: {
      std::vector<std::string> items;
      for (const auto& item : node.items) items.push_back(one_line(item));
      return fmt::format("[{}]", fmt::join(items, ", "));
    }
    case Node::Kind::kMapping: {
      const Node* type = node.find("type");
      return type != nullptr ? type->text : "{...}";
    }
  }
  return "";
}

void list_parameters(const std::vector<ParameterInfo>& infos, int depth, std::string& out) {
  for (const auto& info : infos) {
    out += fmt::format("{:{}}{} ({}; {})  {}\n", "", depth, info.name, type_text(info),
                       default_text(info), info.doc);
    if (info.type == "section") list_parameters(info.children, depth + 2, out);
  }
}

void table_rows(const std::vector<ParameterInfo>& infos, const std::string& prefix,
                std::string& out) {
  for (const auto& info : infos) {
    out += fmt::format("| `{}{}` | {} | {} | {} |\n", prefix, info.name, type_text(info),
                       default_text(info), info.doc);
    if (info.type == "section") table_rows(info.children, prefix + info.name + ".", out);
  }
}

}  // namespace

std::string type_text(const ParameterInfo& info) {
  std::string type = info.type;
  if (info.type == "quantity")
    type = fmt::format("{} like {}", dimension_name(*info.dimension),
                       dimension_example(*info.dimension));
  if (info.type == "choice") type = fmt::format("one of {}", fmt::join(info.choices, ", "));
  if (info.type == "slot") type = fmt::format("slot {}", info.slot);
  if (!info.by_name.empty()) type = "name or section";
  return info.list ? "list of " + type : type;
}

std::string default_text(const ParameterInfo& info) {
  if (info.required) return "required";
  if (info.type == "section") return "optional";
  return one_line(info.default_value);
}

std::string slot_listing(const std::string& wanted) {
  std::vector<std::string> names;
  std::string out;
  for (const auto& [name, slot] : slot_catalogue()) {
    names.push_back(name);
    if (!wanted.empty() && wanted != name) continue;
    out += fmt::format("{}: {}\n", name, slot.doc);
    for (const auto& [implementation, info] : slot.implementations) {
      out += fmt::format("  {}  {}\n", implementation, info.doc);
      list_parameters(info.parameters(), 6, out);
    }
  }
  if (out.empty())
    throw InputError(fmt::format("unknown slot '{}'{}", wanted, did_you_mean(wanted, names)));
  return out;
}

std::vector<ParameterInfo> serving_parameters() { return ServingScenario::parameters().describe(); }

std::string scenario_listing() {
  std::string out;
  list_parameters(serving_parameters(), 0, out);
  out += "\nof kind: collective\n";
  list_parameters(collective_scenario_parameters(), 0, out);
  return out;
}

std::string reference_markdown() {
  std::string out = "| key | type | default | meaning |\n|---|---|---|---|\n";
  table_rows(serving_parameters(), "", out);
  out +=
      "\n**Scenarios of `kind: collective`**: network studies without serving\n\n| key | type | "
      "default | meaning |\n|---|---|---|---|\n";
  table_rows(collective_scenario_parameters(), "", out);
  for (const auto& [name, slot] : slot_catalogue()) {
    out += fmt::format(
        "\n**Slot {}**: {}\n\n| policy, parameter | type | default | meaning "
        "|\n|---|---|---|---|\n",
        name, slot.doc);
    for (const auto& [implementation, info] : slot.implementations) {
      out += fmt::format("| **{}** | | | {} |\n", implementation, info.doc);
      table_rows(info.parameters(), "", out);
    }
  }
  return out;
}

}  // namespace moesim
