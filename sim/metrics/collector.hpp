// Collects what a serving run reports and turns it into a Result. Memory grows with requests and
// steps, not with tokens.
#pragma once

#include <array>

#include "sim/metrics/distribution.hpp"
#include "sim/serving/observer.hpp"
#include "sim/serving/serving.hpp"

namespace moesim {

/// Times of a request that has finished.
RequestRow request_row(const Request& request);

class Collector final : public RunObserver {
 public:
  void on_step(const StepEvent& step) override;
  void on_token_gap(Seconds gap) override;
  void on_finished(const Request& request) override;
  void on_failed(const Request& request) override;

  /// Everything but wall time and memory. Throws SimulationError when a conservation law does not
  /// hold.
  Result result(const Serving& serving) const;

 private:
  void add_requests(const Serving& serving, Result& result) const;
  void add_steps(const Serving& serving, Result& result) const;
  void add_moe(const Serving& serving, Result& result) const;
  void add_network(const Serving& serving, Result& result) const;
  void add_pools(const Serving& serving, Result& result) const;

  std::vector<RequestRow> requests_;
  std::vector<StepRow> steps_;
  std::vector<PhaseRow> phases_;
  std::vector<CountedSample> gaps_;
  std::array<double, kPhases> phase_s_{};
  double unmeasured_s_ = 0;
  MoeStep moe_;
};

}  // namespace moesim
