// A sweep's results as its file asks for them: objectives, constraints and derived metrics of every
// design, means over its seeds; who is best, and the Pareto front. Reads a space, its points and
// whatever results there are; a design without results has no values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/sweep/space.hpp"
#include "sim/sweep/store.hpp"

namespace moesim {

/// Mean over seeds and the half-width of its 95 % confidence interval (Student's t; 0 for one
/// seed).
struct Estimate {
  double mean = 0, half_width = 0;
  int count = 0;
};

Estimate estimate_of(std::span<const double> values);

struct DesignRow {
  std::vector<std::optional<Estimate>> objectives;
  /// Sum of relative violations of the constraints; 0: feasible. Nothing: not every run is done,
  /// or a figure is missing.
  std::optional<double> violation;
  int done = 0;
  std::string problem;  ///< of the first run that is not done
  bool feasible() const { return violation.has_value() && *violation == 0; }
};

class SweepTable {
 public:
  SweepTable(const SweepSpace& space, std::vector<StoredPoint> points,
             std::map<std::string, StoredResult> results);

  const SweepSpace& space() const { return *space_; }
  const SweepFile& file() const { return space_->file(); }
  const std::vector<StoredPoint>& points() const { return points_; }
  /// Null when the point has not been run.
  const StoredResult* result(std::size_t point) const;
  /// Adds or replaces a result, and brings its designs up to date.
  void set(const StoredResult& result);
  const std::vector<DesignRow>& rows() const { return rows_; }

  /// A formula over figures, metrics, axes and the scenario of a point whose run is done.
  std::optional<double> value(const Expression& formula, std::size_t point) const;
  /// A name likewise: a figure or a metric.
  std::optional<double> value(const std::string& name, std::size_t point) const;
  /// Over the finished seeds of a design.
  std::optional<Estimate> estimate(const Expression& formula, std::size_t design) const;

  /// The feasible design with the best first objective; without one, the least infeasible. Nothing
  /// when no design has values.
  std::optional<std::size_t> best() const;
  /// Whether row a is better than b in that sense.
  bool better(const DesignRow& a, const DesignRow& b) const;
  /// Feasible designs that no other beats in all objectives.
  std::vector<std::size_t> front() const;
  /// Objectives as costs; empty when one is missing.
  std::vector<double> costs(const DesignRow& row) const;

 private:
  DesignRow row_of(std::size_t design) const;
  Expression::Value lookup(const std::string& name, std::size_t point) const;

  const SweepSpace* space_;
  std::vector<StoredPoint> points_;
  std::map<std::string, StoredResult> results_;
  std::map<std::string, std::vector<std::size_t>> points_of_key_;
  std::vector<DesignRow> rows_;
};

}  // namespace moesim
