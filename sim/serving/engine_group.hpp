// The engine of one lockstep group: its data ranks schedule together, step together and finish
// together. Runs as one actor (and one per pipeline stage when there are several). Ranks without
// work run a dummy batch while others work.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "sim/engine/lockstep.hpp"
#include "sim/engine/simulation.hpp"
#include "sim/serving/observer.hpp"
#include "sim/serving/scheduler.hpp"

namespace moesim {

class EngineGroup {
 public:
  struct Window {
    Seconds start, end;
  };

  EngineGroup(std::int64_t id, Simulation& simulation, LockstepExecutor executor,
              std::vector<std::unique_ptr<Scheduler>> schedulers, const KvCache& cache,
              std::int64_t stages, const Window& recorded, RunObserver& observer);

  /// Decode steps verify `drafted` proposed tokens and give `acceptance_length` tokens on average.
  void speculate(std::int64_t drafted, double acceptance_length) {
    drafted_ = drafted;
    acceptance_length_ = acceptance_length;
  }
  /// Starts the actors. `on_done` is called for every finished request.
  void start(std::function<void(Request&)> on_done);
  /// Queues a request for data rank `rank` of this group; an idle engine sees it at the next
  /// wake().
  void submit(std::int64_t rank, Request& request);
  /// Starts the engine if it is idle and there is something to do.
  void wake();
  /// No more requests will come: the actors end when they are idle.
  void close();

  const RankState& rank(std::int64_t rank) const { return ranks_[static_cast<std::size_t>(rank)]; }
  std::int64_t ranks() const { return static_cast<std::int64_t>(ranks_.size()); }
  LockstepExecutor& executor() { return executor_; }

 private:
  struct Step {
    std::vector<std::vector<Scheduled>> scheduled;  ///< [data ranks]
    StepEvent event;
    StepCost cost;
    bool closing = false;
  };
  struct StageQueue {
    std::deque<std::shared_ptr<Step>> steps;
    Simulation::Semaphore filled;
  };

  void run();
  void run_stage(std::size_t stage);
  std::shared_ptr<Step> next_step();
  void execute(const std::vector<Segment>& segments);
  void complete(Step& step);
  void emit(Request& request, Seconds now);
  /// The tokens that a verified step gives beyond the first; fewer when KV memory runs out.
  void accept_drafted(RankState& rank, Request& request, Seconds now);

  std::int64_t id_;
  Simulation& simulation_;
  LockstepExecutor executor_;
  std::vector<std::unique_ptr<Scheduler>> schedulers_;
  std::vector<RankState> ranks_;
  std::int64_t stages_;
  Window recorded_;
  RunObserver& observer_;
  std::function<void(Request&)> on_done_;
  std::vector<StageQueue> queues_;
  Simulation::Semaphore awake_;
  std::vector<RankBatch> batches_;
  std::int64_t in_flight_ = 0;
  std::int64_t drafted_ = 0;
  double acceptance_length_ = 1;
  std::uint64_t steps_ = 0;
  bool idle_ = false, queued_ = false, closed_ = false;
};

}  // namespace moesim
