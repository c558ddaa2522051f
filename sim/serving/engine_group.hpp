// The engine of one lockstep group: its data ranks schedule together, step together and finish
// together. Runs as one actor (and one per pipeline stage when there are several). Ranks without
// work run a dummy batch while others work.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "sim/engine/flow_traffic.hpp"
#include "sim/engine/lockstep.hpp"
#include "sim/engine/simulation.hpp"
#include "sim/serving/composition.hpp"
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
  /// Responses to the client, in steps of a request: every `interval`-th, its last, and, where
  /// `first` says so, its first; or, `together`, at every `interval`-th step of the group.
  struct Stream {
    std::int64_t interval = 1;
    bool first = true, together = false;
  };
  const Stream& stream() const { return stream_; }
  void stream(const Stream& responses) { stream_ = responses; }
  /// Starts the actors. `on_done` is called for every finished request.
  void start(std::function<void(Request&)> on_done);
  /// Queues a request for data rank `rank` of this group; an idle engine sees it at the next
  /// wake().
  void submit(std::int64_t rank, Request& request);
  /// What a step gives is looked at when the kernels of the next one are launched. Without effect
  /// with pipeline stages and under composition.
  void launch_first() { launches_first_ = stages_ == 1 && !models_; }
  /// Preempted requests leave their keys and values in host memory, over a link of this bandwidth.
  void swap_over(BytesPerSecond bandwidth);
  struct SwapCounts {
    Bytes out{0}, in{0};
  };
  const SwapCounts& swapped() const { return swapped_; }
  /// Requests of the only rank run when the model they ask for is there.
  void compose(std::unique_ptr<Composition> models) {
    models_ = std::move(models);
    launches_first_ = false;
  }
  const Composition* composition() const { return models_.get(); }
  /// Requests leave with their first token: `on_prefilled` takes them, unless they are finished.
  /// Their KV memory stays held until release().
  void hand_over(std::function<void(Request&)> on_prefilled) {
    on_prefilled_ = std::move(on_prefilled);
  }
  /// KV memory for the computed tokens of a request that comes from elsewhere; false: no room. What
  /// is cached here of its prompt (Request::prefix) need not come.
  bool reserve(std::int64_t rank, Request& request);
  /// Frees the KV memory of a request that has left, and looks for something to do with it.
  void release(std::int64_t rank, std::int64_t tokens, KvPrefix prefix);
  /// A request whose memory was reserved and filled runs on from where it is.
  void resume(std::int64_t rank, Request& request);
  /// Computes a step, or is held: what happens now is looked at before the next step.
  bool busy() const { return in_flight_ > 0 || held_ > 0; }
  /// No step begins before let_go() was called as often as hold().
  void hold() { ++held_; }
  void let_go();
  /// Called after every step, when its requests have their tokens and what has finished is gone.
  void after_step(std::function<void()> callback) { after_step_ = std::move(callback); }
  /// Links of this group's network are numbered from `first` among the links of the run.
  void number_links_from(int first) { carrier_.first_link = first; }
  /// Transfers move flow by flow (fidelity `pairwise`).
  void flow_by_flow(FlowTraffic& traffic) { carrier_.flows = &traffic; }
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
    std::vector<Request*> leaving;                  ///< finished or prefilled
    StepEvent event;
    StepCost cost;
    std::uint64_t number = 0;  ///< from 1
    bool closing = false;
  };
  struct StageQueue {
    std::deque<std::shared_ptr<Step>> steps;
    Simulation::Semaphore filled;
  };

  void run();
  void run_stage(std::size_t stage);
  std::shared_ptr<Step> next_step();
  void admit();
  std::int64_t swap_in(RankState& rank, const Scheduled& part);
  Segment swap();
  RankState& state(std::int64_t rank) { return ranks_[static_cast<std::size_t>(rank)]; }
  /// Nothing more to do here after a step.
  bool leaves(const Request& request) const {
    return request.finished() || (on_prefilled_ && request.generated > 0);
  }
  void execute(const StepCost& cost, std::size_t stage);
  void complete(const std::shared_ptr<Step>& step);
  void advance(Step& step);
  void answer(const Step& step);
  void answer_when_launched(const std::shared_ptr<Step>& step, const Step* next);
  static void generate(Request& request);
  /// The tokens that a verified step gives beyond the first; fewer when KV memory runs out.
  void accept_drafted(RankState& rank, Request& request);
  /// A response with the tokens that the client has not, if one is due. Tokens that come together
  /// have no time between them.
  void respond(Request& request, std::uint64_t step, Seconds now);

  std::int64_t id_;
  Simulation& simulation_;
  LockstepExecutor executor_;
  std::vector<std::unique_ptr<Scheduler>> schedulers_;
  std::vector<RankState> ranks_;
  std::int64_t stages_;
  Window recorded_;
  RunObserver& observer_;
  std::function<void(Request&)> on_done_, on_prefilled_;
  std::function<void()> after_step_;
  std::unique_ptr<Composition> models_;
  std::optional<BytesPerSecond> swap_bandwidth_;
  SwapCounts swapped_;
  Bytes coming_back_{0};  ///< in the step that is being scheduled
  Carrier carrier_;
  std::vector<StageQueue> queues_;
  Simulation::Semaphore awake_;
  std::vector<RankBatch> batches_;
  std::int64_t in_flight_ = 0, held_ = 0;
  std::int64_t drafted_ = 0;
  double acceptance_length_ = 1;
  Stream stream_;
  std::uint64_t steps_ = 0;
  std::shared_ptr<Step> unanswered_;  ///< its successor is being launched
  bool idle_ = false, queued_ = false, closed_ = false, launches_first_ = false;
};

}  // namespace moesim
