#include "sim/sweep/table.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/sweep/pareto.hpp"

namespace moesim {
namespace {

/// Two-sided 95 % points of Student's t for 1 to 30 degrees of freedom (NIST/SEMATECH e-Handbook of
/// Statistical Methods, 1.3.6.7.2).
constexpr std::array<double, 30> kStudent = {
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};

}  // namespace

Estimate estimate_of(std::span<const double> values) {
  Estimate estimate;
  estimate.count = static_cast<int>(values.size());
  if (values.empty()) return estimate;
  for (const double value : values) estimate.mean += value;
  estimate.mean /= estimate.count;
  if (estimate.count < 2) return estimate;
  double squares = 0;
  for (const double value : values) squares += (value - estimate.mean) * (value - estimate.mean);
  const auto freedom = static_cast<std::size_t>(estimate.count - 1);
  const double t = freedom <= kStudent.size() ? kStudent[freedom - 1] : 1.96;
  estimate.half_width =
      t * std::sqrt(squares / static_cast<double>(freedom) / static_cast<double>(estimate.count));
  return estimate;
}

SweepTable::SweepTable(const SweepSpace& space, std::vector<StoredPoint> points,
                       std::map<std::string, StoredResult> results)
    : space_(&space), points_(std::move(points)), results_(std::move(results)) {
  for (std::size_t i = 0; i < points_.size(); ++i) points_of_key_[points_[i].key].push_back(i);
  for (std::size_t d = 0; d < space.designs(); ++d) rows_.push_back(row_of(d));
}

const StoredResult* SweepTable::result(std::size_t point) const {
  const auto found = results_.find(points_[point].key);
  return found == results_.end() ? nullptr : &found->second;
}

void SweepTable::set(const StoredResult& result) {
  results_[result.key] = result;
  for (const auto point : points_of_key_[result.key]) {
    const auto design = space_->design_of(point);
    rows_[design] = row_of(design);
  }
}

Expression::Value SweepTable::lookup(const std::string& name, std::size_t point) const {
  const auto* found = result(point);
  if (found == nullptr) return {};
  for (const auto& [figure, number] : found->figures)
    if (figure == name) return number;
  for (const auto& metric : file().metrics)
    if (metric.name == name) {
      const auto number = value(metric.value, point);
      return number ? Expression::Value(*number) : Expression::Value{};
    }
  const auto design = space_->design_of(point);
  return design_value(file(), space_->choice(design), space_->document(design), name);
}

std::optional<double> SweepTable::value(const Expression& formula, std::size_t point) const {
  const auto* found = result(point);
  if (found == nullptr || found->state != StoredResult::State::kDone) return std::nullopt;
  return formula.number([&](const std::string& name) { return lookup(name, point); });
}

std::optional<double> SweepTable::value(const std::string& name, std::size_t point) const {
  const auto value = lookup(name, point);
  const auto* number = std::get_if<double>(&value);
  return number != nullptr ? std::optional(*number) : std::nullopt;
}

std::optional<Estimate> SweepTable::estimate(const Expression& formula, std::size_t design) const {
  const auto repeats = static_cast<std::size_t>(file().repeats);
  std::vector<double> values;
  for (std::size_t r = 0; r < repeats; ++r)
    if (const auto number = value(formula, design * repeats + r)) values.push_back(*number);
  if (values.empty()) return std::nullopt;
  return estimate_of(values);
}

DesignRow SweepTable::row_of(std::size_t design) const {
  DesignRow row;
  const auto repeats = static_cast<std::size_t>(file().repeats);
  for (std::size_t r = 0; r < repeats; ++r) {
    const auto point = design * repeats + r;
    const auto* found = result(point);
    const bool done = found != nullptr && found->state == StoredResult::State::kDone;
    row.done += done ? 1 : 0;
    if (!done && row.problem.empty())
      row.problem = found != nullptr ? found->error : points_[point].error;
  }
  for (const auto& objective : file().objectives)
    row.objectives.push_back(estimate(objective.value, design));
  if (row.done < file().repeats) return row;
  row.violation = 0;
  for (const auto& constraint : file().constraints) {
    double sum = 0;
    for (std::size_t r = 0; r < repeats; ++r) {
      const auto point = design * repeats + r;
      const auto violation =
          constraint.violation([&](const std::string& name) { return lookup(name, point); });
      if (!violation) return row.violation.reset(), row;
      sum += *violation;
    }
    *row.violation += sum / static_cast<double>(repeats);
  }
  return row;
}

bool SweepTable::better(const DesignRow& a, const DesignRow& b) const {
  const bool a_counts = a.violation && a.objectives.front();
  const bool b_counts = b.violation && b.objectives.front();
  if (!a_counts || !b_counts) return a_counts && !b_counts;
  if (*a.violation != *b.violation) return *a.violation < *b.violation;
  const double x = a.objectives.front()->mean, y = b.objectives.front()->mean;
  return file().objectives.front().maximize ? x > y : x < y;
}

std::optional<std::size_t> SweepTable::best() const {
  std::optional<std::size_t> best;
  for (std::size_t d = 0; d < rows_.size(); ++d) {
    if (!rows_[d].violation || !rows_[d].objectives.front()) continue;
    if (!best || better(rows_[d], rows_[*best])) best = d;
  }
  return best;
}

std::vector<double> SweepTable::costs(const DesignRow& row) const {
  std::vector<double> costs;
  for (std::size_t i = 0; i < row.objectives.size(); ++i) {
    if (!row.objectives[i]) return {};
    const double mean = row.objectives[i]->mean;
    costs.push_back(file().objectives[i].maximize ? -mean : mean);
  }
  return costs;
}

std::vector<std::size_t> SweepTable::front() const {
  std::vector<std::vector<double>> costs_of;
  std::vector<std::size_t> designs;
  for (std::size_t d = 0; d < rows_.size(); ++d) {
    if (!rows_[d].feasible()) continue;
    auto costs_here = costs(rows_[d]);
    if (costs_here.empty()) continue;
    costs_of.push_back(std::move(costs_here));
    designs.push_back(d);
  }
  std::vector<std::size_t> front;
  for (const auto i : pareto_front(costs_of)) front.push_back(designs[i]);
  return front;
}

}  // namespace moesim
