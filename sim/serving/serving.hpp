// A serving run: everything a scenario names, built, checked against each other, and then
// simulated. Construction finds every mistake of the user (InputError); run() advances SimGrid's
// clock until every request is done. A process can run one of these (SimGrid's clock cannot be
// rewound), but construct any number.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "models/architecture/model.hpp"
#include "sim/serving/engine_group.hpp"
#include "sim/serving/handover.hpp"
#include "sim/serving/prompt_prefixes.hpp"
#include "sim/serving/serving_scenario.hpp"
#include "sim/serving/trace.hpp"

namespace moesim {

class Serving {
 public:
  Serving(const ServingScenario& scenario, const ScenarioPlaces& places);
  ~Serving();

  /// Simulates; reports to `observer`. Throws SimulationError when a law is broken.
  void run(RunObserver& observer);
  /// Called now and then with the share of requests done, for a progress line.
  void on_progress(std::function<void(std::int64_t done, std::int64_t all, Seconds now)> callback) {
    progress_ = std::move(callback);
  }

  const ServingScenario& scenario() const { return given_; }
  const Model& model() const { return model_; }
  /// Of the engines; with pools, of the one that computes prompts.
  const Layout& layout() const { return layout_; }
  const MemoryPlan& memory() const { return memory_; }
  /// The pool that generates, a deployment of its own; null without the section `disaggregation`.
  const Serving* decode_pool() const { return decode_.get(); }
  int gpus() const { return layout_.gpus() + (decode_ ? decode_->layout_.gpus() : 0); }
  /// All links of the run, numbered as in totals().
  std::vector<Link> links() const;
  const Totals& totals() const { return totals_; }
  /// Summed over the GPUs; nothing without the section `cache`.
  const std::optional<ExpertMemoryCounts>& expert_memory() const { return expert_memory_; }
  std::int64_t requests() const;
  /// Longest request (input + output) that is served.
  std::int64_t longest_request() const { return longest_; }
  // After run():
  Seconds simulated() const { return simulated_; }
  std::int64_t events() const { return events_; }
  std::int64_t failed() const { return failed_; }
  std::int64_t preemptions() const { return preemptions_; }
  /// Keys and values of preempted requests, to host memory and back (engine.swap_bandwidth).
  const EngineGroup::SwapCounts& swapped() const { return swapped_; }
  /// Prompt tokens and those that were cached; nothing without engine.prefix_caching.
  const std::optional<RankState::PrefixCounts>& prefixes() const { return prefix_counts_; }
  /// What links that failed or slowed down did to traffic under way.
  const std::vector<std::string>& link_events() const { return link_events_; }
  /// What travelled from pool to pool; nothing without the section `disaggregation`.
  const std::optional<HandoverCounts>& handover() const { return handover_; }

 private:
  struct Running;
  struct Decoding;

  /// One deployment: `scenario` is `given`, or the part of it that one pool is.
  Serving(const ServingScenario& given, const ServingScenario& scenario,
          const ScenarioPlaces& places, std::int64_t first_gpu);
  void load_trace();
  void check_some_request_fits(const Location& where) const;
  EngineParts parts() const;
  EngineParts::Overlap overlap() const;
  Lengths::Tokens tokens_of(std::int64_t request, const Lengths* lengths) const;
  std::vector<char> shared_links(std::vector<LockstepExecutor>& executors) const;
  std::vector<LockstepExecutor> make_executors();
  void add_groups(Running& running, std::vector<LockstepExecutor>& executors,
                  const std::vector<char>& shared);
  // With a second pool (serving_pools.cpp):
  bool same_links() const;
  KvPaths kv_paths() const;
  void join_pools(std::vector<LockstepExecutor>& executors, std::vector<char>& shared,
                  std::vector<SharedLink>& links, Decoding& decoding) const;
  std::unique_ptr<Handover> hand_over(Simulation& simulation, std::deque<EngineGroup>& groups,
                                      FlowTraffic* traffic);
  void add_totals_of_decode();
  void flow_by_flow(Running& running);
  void arrive(Running& running);
  static void wake_all(Running& running);
  void submit(Running& running, std::int64_t id);
  bool has_front_end() const {
    return scenario_.engine.request_time + scenario_.engine.token_time > Seconds(0);
  }
  void pass_front_end(Running& running);
  void queue(Running& running, Request& request);
  void done(Running& running, Request& request);

  ServingScenario given_;     ///< as the user wrote it
  ServingScenario scenario_;  ///< what this deployment is
  Model model_;
  Device device_;
  Layout layout_;
  Network network_;
  std::vector<Epoch> epochs_;  ///< of the network; fidelity `pairwise`
  std::unique_ptr<CostModel> cost_;
  std::optional<MeasuredCollectives> measured_;  ///< when the scenario wants them
  std::unique_ptr<MoeLayers> moe_;
  MemoryPlan memory_;
  std::vector<TraceRequest> trace_;
  PromptPrefixes prefixes_;
  std::int64_t longest_ = 0;
  void offload_experts(std::vector<LockstepExecutor>& executors,
                       std::vector<SharedLink>& links) const;

  std::unique_ptr<Serving> decode_;
  Totals totals_;
  std::optional<ExpertMemoryCounts> expert_memory_;
  std::optional<HandoverCounts> handover_;
  std::optional<RankState::PrefixCounts> prefix_counts_;
  std::function<void(std::int64_t, std::int64_t, Seconds)> progress_;
  EngineGroup::SwapCounts swapped_;
  std::vector<std::string> link_events_;
  Seconds simulated_{0};
  std::int64_t events_ = 0, failed_ = 0, preemptions_ = 0;
};

}  // namespace moesim
