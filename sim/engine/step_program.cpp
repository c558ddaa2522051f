#include "sim/engine/step_program.hpp"

#include <algorithm>
#include <memory>
#include <optional>

namespace moesim {
namespace {

class Run {
 public:
  Run(const Carrier& carrier, const StepProgram& program)
      : carrier_(carrier),
        simulation_(carrier.simulation),
        program_(program),
        halves_(halves_of(program)),
        chains_(static_cast<std::size_t>(program.ranks) * halves_),
        meetings_(program.activities.size()),
        all_done_(simulation_.semaphore()) {
    for (std::size_t a = 0; a < program.activities.size(); ++a) {
      const auto& activity = program.activities[a];
      for (int r = 0; r < activity.ranks; ++r)
        chains_[chain(static_cast<std::size_t>(activity.first_rank + r),
                      static_cast<std::size_t>(activity.half))]
            .push_back(a);
    }
    for (std::size_t i = 0; i < chains_.size() * kQueues; ++i)
      turn_.push_back(simulation_.semaphore());
  }

  /// Actors keep `run` alive until the last of them has ended.
  static void start(const std::shared_ptr<Run>& run) {
    for (std::size_t r = 0; r < static_cast<std::size_t>(run->program_.ranks); ++r) {
      for (std::size_t q = 0; q < kQueues; ++q)
        if (auto order = run->order_of(r, q); !order.empty())
          run->simulation_.spawn("rank queue",
                                 [run, r, order = std::move(order)] { run->work_off(r, order); });
      for (std::size_t half = 0; half < run->halves_; ++half) run->next(run->chain(r, half), 0);
    }
    if (!run->chains_.empty()) run->all_done_.acquire();
  }

 private:
  /// Ranks that have come to a joint activity.
  struct Meeting {
    int arrived = 0;
    std::optional<Simulation::Semaphore> over;
  };

  /// A place in a chain.
  struct Turn {
    std::size_t chain = 0, place = 0;
  };

  static std::size_t halves_of(const StepProgram& program) {
    int last = 0;
    for (const auto& activity : program.activities) last = std::max(last, activity.half);
    return static_cast<std::size_t>(last) + 1;
  }
  std::size_t chain(std::size_t rank, std::size_t half) const { return rank * halves_ + half; }
  const Activity& at(const Turn& turn) const {
    return program_.activities[chains_[turn.chain][turn.place]];
  }
  Simulation::Semaphore& turn_of(const Turn& turn) {
    return turn_[turn.chain * kQueues + static_cast<std::size_t>(at(turn).queue)];
  }

  /// What a queue of a rank has to do, in order.
  std::vector<Turn> order_of(std::size_t rank, std::size_t queue) const {
    std::vector<Turn> order;
    for (std::size_t half = 0; half < halves_; ++half)
      for (std::size_t i = 0; i < chains_[chain(rank, half)].size(); ++i)
        if (const Turn turn{chain(rank, half), i};
            static_cast<std::size_t>(at(turn).queue) == queue)
          order.push_back(turn);
    std::ranges::stable_sort(order, {}, [this](const Turn& turn) { return at(turn).stretch; });
    return order;
  }

  void work_off(std::size_t rank, const std::vector<Turn>& order) {
    for (const auto& turn : order) {
      turn_of(turn).acquire();
      perform(rank, chains_[turn.chain][turn.place]);
      next(turn.chain, turn.place + 1);
    }
  }

  /// The activity at `place` of the chain may begin.
  void next(std::size_t chain, std::size_t place) {
    if (place < chains_[chain].size())
      turn_of({chain, place}).release();
    else if (++finished_ == chains_.size())
      all_done_.release();
  }

  void perform(std::size_t rank, std::size_t index) {
    const auto& activity = program_.activities[index];
    if (!activity.joint())
      return simulation_.sleep_for(
          activity.own[rank - static_cast<std::size_t>(activity.first_rank)]);
    auto& meeting = meetings_[index];
    if (++meeting.arrived < activity.ranks) {
      if (!meeting.over) meeting.over.emplace(simulation_.semaphore());
      return meeting.over->acquire();
    }
    move(activity);
    for (int r = 1; r < activity.ranks; ++r) meeting.over->release();
  }

  void move(const Activity& activity) {
    if (activity.start_up > Seconds(0)) simulation_.sleep_for(activity.start_up);
    carrier_.carry(activity.links, activity.alone);
  }

  Carrier carrier_;
  Simulation& simulation_;
  const StepProgram& program_;
  std::size_t halves_;
  std::vector<std::vector<std::size_t>> chains_;  ///< [ranks x halves] activities in order
  std::vector<Simulation::Semaphore> turn_;       ///< [ranks x halves x queues]
  std::vector<Meeting> meetings_;                 ///< [activities]
  Simulation::Semaphore all_done_;
  std::size_t finished_ = 0;
};

}  // namespace

void run_program(const Carrier& carrier, const StepProgram& program) {
  Run::start(std::make_shared<Run>(carrier, program));
}

}  // namespace moesim
