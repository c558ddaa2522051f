// Experts that a device runs one after another, as one CPU thread does: the time of the layer is
// the sum over its experts, and the time of one expert is a curve over its rows, measured for
// exactly its shape, because a form that is fitted to other shapes errs by tens of percent there
// (libraries switch kernels with the number of rows). A shape that was not measured falls back to
// the form of one expert. Not modelled: what an expert leaves in the caches for the next.
#pragma once

#include <cstdint>
#include <vector>

#include "models/cost/forms.hpp"

namespace moesim {

/// One expert of one shape: `time_s[i]` for `rows[i]` rows.
struct ExpertCurve {
  std::int64_t hidden = 0, intermediate = 0;
  std::vector<std::int64_t> rows;  ///< ascending
  std::vector<double> time_s;

  /// Between two measured numbers of rows by a straight line through the logarithms; beyond the
  /// last in proportion to the rows [s].
  double at(std::int64_t count) const;
  bool holds(std::int64_t count) const { return count >= rows.front() && count <= rows.back(); }

  static const Parameters<ExpertCurve>& parameters();
  void check(const Node& where) const;

 private:
  void prepare() const;
  mutable std::vector<double> by_count_;  ///< [s] for 0 .. rows.back() rows, made at first use
};

}  // namespace moesim
