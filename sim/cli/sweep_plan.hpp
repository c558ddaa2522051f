// A sweep made ready to run: its file, its points, and the key of every point's scenario. What the
// file gets wrong is found here, before anything runs.
#pragma once

#include <string>
#include <vector>

#include "sim/sweep/space.hpp"
#include "sim/sweep/store.hpp"

namespace moesim {

struct SweepPlan {
  explicit SweepPlan(SweepFile read) : file(std::move(read)), space(file) {}
  SweepPlan(const SweepPlan&) = delete;
  SweepPlan& operator=(const SweepPlan&) = delete;

  SweepFile file;
  SweepSpace space;
  std::vector<StoredPoint> points;
};

/// Reads the scenario of every point. A combination that cannot be read is noted in its point; a
/// value of an axis with which no combination can be read is a mistake of the file, and its
/// InputError is thrown.
void read_points(SweepPlan& plan);

}  // namespace moesim
