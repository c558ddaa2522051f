#include "sim/sweep/sweep_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "sim/core/parameters.hpp"
#include "sim/core/suggest.hpp"
#include "sim/scenario/document.hpp"

namespace moesim {
namespace {

constexpr int kMaxRepeats = 1000;

/// Items of a list, or the one value that stands there instead.
std::vector<Node> one_or_more(const Node* node) {
  if (node == nullptr || node->is_null()) return {};
  return node->is_sequence() ? node->items : std::vector<Node>{*node};
}

/// A scenario named by its path becomes its contents; one of several variants is chosen.
void resolve_scenario(Node& definition, const std::string& file) {
  Node* scenario = definition.find("scenario");
  if (scenario == nullptr || scenario->is_null())
    throw InputError(definition.where, "missing key 'scenario': the file to vary, or its contents");
  if (scenario->is_scalar()) {
    const auto named = std::filesystem::path(file).parent_path() / scenario->text;
    std::error_code ignored;
    if (!std::filesystem::exists(named, ignored))
      throw InputError(scenario->where, named.lexically_normal().string() + ": no such file");
    *scenario = load_document(named.lexically_normal().string(), {});
  }
  if (!scenario->is_mapping())
    throw InputError(scenario->where,
                     "scenario: expected a file name or a mapping, found " + scenario->describe());
  const auto variants = expand_variants(*scenario, {});
  const Node* wanted = definition.find("variant");
  std::vector<std::string> names;
  for (const auto& variant : variants) names.push_back(variant.name);
  if (wanted == nullptr && variants.size() > 1)
    throw InputError(scenario->where, "the scenario has variants; choose one with 'variant: NAME'" +
                                          did_you_mean("", names));
  const auto name = wanted == nullptr ? names.front() : read_text(*wanted);
  const auto found = std::ranges::find(names, name);
  if (found == names.end())
    throw InputError(wanted->where,
                     fmt::format("no variant '{}'{}", name, did_you_mean(name, names)));
  *scenario = variants[static_cast<std::size_t>(found - names.begin())].scenario;
  definition.erase("variant");
}

std::vector<Axis> read_axes(const Node& definition) {
  const Node* axes = definition.find("axes");
  if (axes == nullptr || !axes->is_mapping() || axes->keys.empty())
    throw InputError(axes != nullptr ? axes->where : definition.where,
                     "axes: expected a mapping from key to values (like engine.max_sequences: [64, "
                     "256])");
  std::vector<Axis> all;
  std::vector<std::pair<std::string, std::string>> owners;  // key.path -> axis
  for (std::size_t i = 0; i < axes->keys.size(); ++i) {
    all.push_back(read_axis(axes->keys[i], axes->key_where[i], axes->items[i]));
    for (const auto& [key, value] : all.back().values.front().keys) {
      for (const auto& [other, owner] : owners)
        if (other == key)
          throw InputError(axes->key_where[i], fmt::format("axis '{}' sets {}, and so does '{}'",
                                                           axes->keys[i], key, owner));
      owners.emplace_back(key, axes->keys[i]);
    }
  }
  return all;
}

/// Refuses names that no run reports and that neither the file nor its scenario holds.
class Names {
 public:
  Names(const SweepFile& file, std::span<const std::string> figures) : scenario_(file.scenario) {
    known_.assign(figures.begin(), figures.end());
    for (const auto& axis : file.axes) {
      known_.push_back(axis.name);
      for (const auto& value : axis.values)
        for (const auto& [key, node] : value.keys) known_.push_back(key);
    }
  }
  void add(const std::string& name) { known_.push_back(name); }
  void check(const Expression& formula) const {
    for (const auto& name : formula.names()) {
      if (std::ranges::find(known_, name) != known_.end()) continue;
      if (name.starts_with("time_breakdown_s.") || find_path(scenario_, name) != nullptr) continue;
      auto valid = known_;
      std::ranges::sort(valid);
      valid.erase(std::ranges::unique(valid).begin(), valid.end());
      throw InputError(formula.where(),
                       fmt::format("unknown name '{}'{}", name, did_you_mean(name, valid)));
    }
  }

 private:
  const Node& scenario_;
  std::vector<std::string> known_;
};

Objective read_objective(const Node& node) {
  check_keys(node, {"maximize", "minimize", "name"});
  const Node* up = node.find("maximize");
  const Node* down = node.find("minimize");
  if ((up == nullptr) == (down == nullptr))
    throw InputError(node.where, "an objective is {maximize: FORMULA} or {minimize: FORMULA}");
  Objective objective{
      Expression::parse(up != nullptr ? *up : *down),
      up != nullptr,
      "",
  };
  const Node* name = node.find("name");
  objective.name = name != nullptr ? read_text(*name) : objective.value.text();
  return objective;
}

void read_metrics(SweepFile& file, Names& names) {
  const Node* metrics = file.definition.find("metrics");
  if (metrics == nullptr || metrics->is_null()) return;
  if (!metrics->is_mapping())
    throw InputError(metrics->where, "metrics: expected a mapping from name to formula");
  for (std::size_t i = 0; i < metrics->keys.size(); ++i) {
    NamedFormula metric{metrics->keys[i], Expression::parse(metrics->items[i])};
    names.check(metric.value);  // also keeps a metric from using one that comes later, or itself
    names.add(metric.name);
    file.metrics.push_back(std::move(metric));
  }
}

/// Keys of the scenario that follow from others; a number without a unit.
void read_derived(SweepFile& file) {
  const Node* derive = file.definition.find("derive");
  if (derive == nullptr || derive->is_null()) return;
  if (!derive->is_mapping())
    throw InputError(derive->where, "derive: expected a mapping from key to formula");
  for (std::size_t i = 0; i < derive->keys.size(); ++i) {
    NamedFormula key{derive->keys[i], Expression::parse(derive->items[i])};
    Names(file, {}).check(key.value);
    file.derived.push_back(std::move(key));
  }
}

int read_repeats(const Node& definition) {
  const Node* node = definition.find("repeats");
  if (node == nullptr || node->is_null()) return 1;
  const auto repeats = read_integer(*node);
  if (repeats < 1 || repeats > kMaxRepeats)
    throw InputError(node->where,
                     fmt::format("repeats: expected 1 to {}, found {}", kMaxRepeats, repeats));
  return static_cast<int>(repeats);
}

void check_overrides(const SweepFile& file, std::span<const std::string> overrides) {
  for (const auto& assignment : overrides)
    for (const auto& axis : file.axes)
      for (const auto& [key, value] : axis.values.front().keys)
        if (assignment.starts_with(key + "="))
          throw InputError(Location{"-s " + assignment, 0, 0},
                           fmt::format("axis '{}' sets {}", axis.name, key));
}

}  // namespace

SweepFile read_sweep_definition(Node definition, FigureNames figures) {
  check_keys(definition, {"title", "question", "scenario", "axes", "derive", "where", "repeats",
                          "metrics", "objectives", "constraints", "search"});
  SweepFile file;
  file.definition = std::move(definition);
  const Node& root = file.definition;
  for (const auto& [key, text] : {std::pair{"title", &file.title}, {"question", &file.question}})
    if (const Node* node = root.find(key)) *text = read_text(*node);
  file.scenario = *root.find("scenario");
  file.axes = read_axes(root);
  file.repeats = read_repeats(root);
  read_derived(file);
  Names names(file, figures(file.scenario));
  for (const auto& node : one_or_more(root.find("where"))) {
    file.conditions.push_back(Expression::parse(node));
    Names(file, {}).check(file.conditions.back());
  }
  read_metrics(file, names);
  for (const auto& node : one_or_more(root.find("objectives"))) {
    file.objectives.push_back(read_objective(node));
    names.check(file.objectives.back().value);
  }
  if (file.objectives.empty())
    throw InputError(root.where,
                     "missing key 'objectives', like [{maximize: throughput.output_tokens_per_s}]");
  for (const auto& node : one_or_more(root.find("constraints"))) {
    file.constraints.push_back(Expression::parse(node));
    names.check(file.constraints.back());
  }
  if (const Node* search = root.find("search")) file.search = *search;
  return file;
}

SweepFile read_sweep_file(const std::string& path, std::span<const std::string> overrides,
                          FigureNames figures) {
  Node definition = load_document(path, {});
  if (definition.find("axes") == nullptr)
    throw InputError(definition.where,
                     "missing key 'axes': this is no sweep (a scenario runs with 'moesim run')");
  resolve_scenario(definition, path);
  if (definition.find("title") == nullptr)
    definition.set("title", Node::scalar(std::filesystem::path(path).stem().string(), true));
  for (const auto& assignment : overrides) apply_override(*definition.find("scenario"), assignment);
  auto file = read_sweep_definition(std::move(definition), figures);
  check_overrides(file, overrides);
  return file;
}

}  // namespace moesim
