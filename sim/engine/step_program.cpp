#include "sim/engine/step_program.hpp"

#include <memory>
#include <optional>

namespace moesim {
namespace {

class Run {
 public:
  Run(Simulation& simulation, const StepProgram& program, int first_link)
      : simulation_(simulation),
        program_(program),
        first_link_(first_link),
        chains_(static_cast<std::size_t>(program.ranks)),
        meetings_(program.activities.size()),
        all_done_(simulation.semaphore()) {
    for (std::size_t a = 0; a < program.activities.size(); ++a) {
      const auto& activity = program.activities[a];
      for (int r = 0; r < activity.ranks; ++r)
        chains_[static_cast<std::size_t>(activity.first_rank + r)].push_back(a);
    }
    for (std::size_t i = 0; i < chains_.size() * kQueues; ++i)
      turn_.push_back(simulation.semaphore());
  }

  /// Actors keep `run` alive until the last of them has ended.
  static void start(const std::shared_ptr<Run>& run) {
    for (std::size_t r = 0; r < run->chains_.size(); ++r) {
      for (std::size_t q = 0; q < kQueues; ++q)
        if (run->uses(r, q))
          run->simulation_.spawn("rank queue", [run, r, q] { run->work_off(r, q); });
      run->next(r, 0);
    }
    if (!run->chains_.empty()) run->all_done_.acquire();
  }

 private:
  /// Ranks that have come to a joint activity.
  struct Meeting {
    int arrived = 0;
    std::optional<Simulation::Semaphore> over;
  };

  const Activity& at(std::size_t rank, std::size_t place) const {
    return program_.activities[chains_[rank][place]];
  }
  bool uses(std::size_t rank, std::size_t queue) const {
    for (std::size_t i = 0; i < chains_[rank].size(); ++i)
      if (static_cast<std::size_t>(at(rank, i).queue) == queue) return true;
    return false;
  }

  void work_off(std::size_t rank, std::size_t queue) {
    for (std::size_t i = 0; i < chains_[rank].size(); ++i) {
      if (static_cast<std::size_t>(at(rank, i).queue) != queue) continue;
      turn_[rank * kQueues + queue].acquire();
      perform(rank, chains_[rank][i]);
      next(rank, i + 1);
    }
  }

  /// The activity at `place` of the rank may begin.
  void next(std::size_t rank, std::size_t place) {
    if (place < chains_[rank].size())
      turn_[rank * kQueues + static_cast<std::size_t>(at(rank, place).queue)].release();
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
    auto loads = activity.shared;
    for (auto& load : loads) load.link += first_link_;
    simulation_.transfer(loads, activity.alone);
  }

  Simulation& simulation_;
  const StepProgram& program_;
  int first_link_;
  std::vector<std::vector<std::size_t>> chains_;  ///< [ranks] activities in order
  std::vector<Simulation::Semaphore> turn_;       ///< [ranks x queues]
  std::vector<Meeting> meetings_;                 ///< [activities]
  Simulation::Semaphore all_done_;
  std::size_t finished_ = 0;
};

}  // namespace

void run_program(Simulation& simulation, const StepProgram& program, int first_link) {
  Run::start(std::make_shared<Run>(simulation, program, first_link));
}

}  // namespace moesim
