// Runs the points of a sweep that its store does not hold, all of them or those a search asks for,
// each in a process of its own, and writes every result to the store as it comes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/cli/sweep_plan.hpp"
#include "sim/sweep/search.hpp"
#include "sim/sweep/table.hpp"

namespace moesim {

struct SweepRunOptions {
  unsigned jobs = 0;
  bool retry = false;     ///< run again what ended with an error
  bool progress = false;  ///< a line on stderr
};

/// What a search did.
struct SearchCount {
  std::size_t whole = 0, shortened = 0;  ///< designs run
  double work = 0;                       ///< of both, in whole runs of a design
};

class SweepRun {
 public:
  SweepRun(const SweepPlan& plan, SweepStore& store, const SweepRunOptions& options);

  const SweepTable& table() const { return table_; }
  /// The points for which `mine` holds.
  void run_points(const std::function<bool(std::size_t point)>& mine);
  SearchCount run_search(Search& search);

 private:
  struct Job {
    std::size_t point = 0;
    double length = 1;
    std::string key;
  };
  /// The table of runs with that share of the workload.
  SweepTable& table_at(double length, const std::string& key);
  Node document_at(std::size_t point, double length, const std::string& key) const;
  void add_job(std::vector<Job>& jobs, const SweepTable& table, std::size_t point,
               double length) const;
  void run(const std::vector<Job>& jobs, const std::string& length_key);

  const SweepPlan& plan_;
  SweepStore& store_;
  SweepRunOptions options_;
  SweepTable table_;
  std::map<double, std::unique_ptr<SweepTable>> shortened_;
};

}  // namespace moesim
