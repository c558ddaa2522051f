// The points of a sweep: every combination of the axes' values for which all conditions hold, the
// last axis fastest. A design is one combination; a point is a design with one seed. Numbers are
// stable: the same file gives the same order everywhere.
#pragma once

#include <string>
#include <vector>

#include "sim/sweep/sweep_file.hpp"

namespace moesim {

/// More points than this are a mistake of the file.
inline constexpr std::size_t kMaxPoints = 1'000'000;

class SweepSpace {
 public:
  /// Evaluates the conditions. Throws InputError when one cannot be evaluated, or when nothing is
  /// left.
  explicit SweepSpace(const SweepFile& file);

  const SweepFile& file() const { return *file_; }
  std::size_t designs() const { return designs_.size(); }
  std::size_t points() const { return designs_.size() * static_cast<std::size_t>(file_->repeats); }
  /// Points are numbered design by design.
  std::size_t design_of(std::size_t point) const {
    return point / static_cast<std::size_t>(file_->repeats);
  }
  /// [axis] index of the value.
  const std::vector<int>& choice(std::size_t design) const { return designs_[design]; }
  /// Number of the design with these values; designs() when a condition excludes it.
  std::size_t find(const std::vector<int>& choice) const;
  std::int64_t seed(std::size_t point) const;

  /// The scenario of a design, and of a point (with its seed).
  Node document(std::size_t design) const { return document_of(designs_[design]); }
  Node point_document(std::size_t point) const;
  /// "parallel.expert=8 engine.max_sequences=64"
  std::string describe(std::size_t design) const;

 private:
  Node document_of(const std::vector<int>& choice) const;
  bool holds(const std::vector<int>& choice) const;

  const SweepFile* file_;
  std::vector<std::vector<int>> designs_;
  std::int64_t first_seed_ = 1;
};

/// What a name means for a design: an axis's label, else the scalar at that path of its document.
Expression::Value design_value(const SweepFile& file, const std::vector<int>& choice,
                               const Node& document, const std::string& name);

}  // namespace moesim
