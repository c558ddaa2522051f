#include "sim/sweep/space.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "sim/core/value.hpp"
#include "sim/scenario/document.hpp"

namespace moesim {
namespace {

/// Counts up like an odometer; false after the last combination.
bool advance(std::vector<int>& choice, const std::vector<Axis>& axes) {
  for (std::size_t i = axes.size(); i-- > 0;) {
    if (++choice[i] < static_cast<int>(axes[i].values.size())) return true;
    choice[i] = 0;
  }
  return false;
}

Node derived_scalar(double number, const Location& where) {
  Node node = Node::scalar(fmt::format("{:.12g}", number));
  node.where = where;
  return node;
}

void check_size(const SweepFile& file) {
  std::size_t combinations = static_cast<std::size_t>(file.repeats);
  for (const auto& axis : file.axes) {
    combinations *= axis.values.size();
    if (combinations > kMaxPoints)
      throw InputError(axis.where,
                       fmt::format("the axes up to here span more than {} points", kMaxPoints));
  }
}

}  // namespace

Expression::Value design_value(const SweepFile& file, const std::vector<int>& choice,
                               const Node& document, const std::string& name) {
  for (std::size_t a = 0; a < file.axes.size(); ++a)
    if (file.axes[a].name == name)
      return formula_value(
          Node::scalar(file.axes[a].values[static_cast<std::size_t>(choice[a])].label));
  const Node* node = find_path(document, name);
  if (node != nullptr && node->is_mapping()) node = node->find("type");
  return node == nullptr ? Expression::Value{} : formula_value(*node);
}

SweepSpace::SweepSpace(const SweepFile& file) : file_(&file) {
  check_size(file);
  if (const Node* seed = file.scenario.find("seed")) first_seed_ = read_integer(*seed);
  for (const auto& axis : file.axes)
    for (const auto& [key, value] : axis.values.front().keys)
      if (key == "seed" && file.repeats > 1)
        throw InputError(axis.where, "'repeats' sets the seed, and so does this axis");
  std::vector<int> choice(file.axes.size(), 0);
  do {
    if (holds(choice)) designs_.push_back(choice);
  } while (advance(choice, file.axes));
  if (designs_.empty())
    throw InputError(file.conditions.front().where(), "the conditions exclude every point");
}

bool SweepSpace::holds(const std::vector<int>& choice) const {
  if (file_->conditions.empty()) return true;
  const Node document = document_of(choice);
  for (const auto& condition : file_->conditions) {
    const auto value = condition.number(
        [&](const std::string& name) { return design_value(*file_, choice, document, name); });
    if (!value)
      throw InputError(
          condition.where(),
          fmt::format("'{}' has no value for {}: conditions see what the scenario file "
                      "and the axes write",
                      condition.text(), fmt::join(condition.names(), ", ")));
    if (*value == 0) return false;
  }
  return true;
}

std::size_t SweepSpace::find(const std::vector<int>& choice) const {
  const auto found = std::ranges::lower_bound(designs_, choice);
  const bool there = found != designs_.end() && *found == choice;
  return there ? static_cast<std::size_t>(found - designs_.begin()) : designs_.size();
}

std::int64_t SweepSpace::seed(std::size_t point) const {
  return first_seed_ + static_cast<std::int64_t>(point % static_cast<std::size_t>(file_->repeats));
}

Node SweepSpace::document_of(const std::vector<int>& choice) const {
  Node document = file_->scenario;
  for (std::size_t a = 0; a < choice.size(); ++a) {
    const auto& value = file_->axes[a].values[static_cast<std::size_t>(choice[a])];
    if (value.changes.is_mapping()) document = merge(document, value.changes);
    for (const auto& [key, node] : value.keys) set_path(document, key, node, value.where);
  }
  for (const auto& [key, formula] : file_->derived) {
    const auto number = formula.number(
        [&](const std::string& name) { return design_value(*file_, choice, document, name); });
    if (!number)
      throw InputError(formula.where(), fmt::format("'{}' has no value: a formula for a key sees "
                                                    "what the scenario file and the axes write",
                                                    formula.text()));
    set_path(document, key, derived_scalar(*number, formula.where()), formula.where());
  }
  return document;
}

Node SweepSpace::point_document(std::size_t point) const {
  Node document = this->document(design_of(point));
  if (file_->repeats > 1)
    set_path(document, "seed", Node::scalar(std::to_string(seed(point))),
             file_->axes.front().where);
  return document;
}

std::string SweepSpace::describe(std::size_t design) const {
  std::string text;
  for (std::size_t a = 0; a < file_->axes.size(); ++a) {
    const auto& axis = file_->axes[a];
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", axis.name,
                        axis.values[static_cast<std::size_t>(designs_[design][a])].label);
  }
  return text;
}

}  // namespace moesim
