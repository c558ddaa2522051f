// The simulated clock and what waits on it: a façade over SimGrid, whose headers stay in
// simulation.cpp. Actors are plain functions; they sleep, wait for semaphores and move bytes over
// links that others use at the same time. An exception that leaves an actor ends the run and comes
// out of run(); so does a deadlock, as SimulationError. One process is one simulation: SimGrid's
// clock cannot be rewound.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/core/quantity.hpp"

namespace moesim {

/// A link that several actors can load at the same time; capacity is what a transfer can reach
/// (efficiency included).
struct SharedLink {
  std::string name;
  BytesPerSecond capacity;
};

/// Bytes one transfer puts on one shared link (index into the links given to Simulation).
struct LinkBytes {
  int link = 0;
  double bytes = 0;
  double flows = 1;  ///< above 0; it gets as many shares of the link as so many flows
};

/// Bytes that travel over a chain of links at one rate.
struct PathBytes {
  std::span<const int> links;
  double bytes = 0;
  double flows = 0;  ///< it gets as many shares of a link as so many flows of a transfer; 0: one
                     ///< share, where no flow of the run has a number
};

/// What became of them.
struct FlowEnd {
  Seconds at;             ///< when the last byte arrived, or when the flow was stopped
  double rest_bytes = 0;  ///< that had not arrived then
};

class Simulation {
 public:
  explicit Simulation(const std::vector<SharedLink>& links = {});
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// A counting semaphore of simulated time.
  class Semaphore {
   public:
    Semaphore(Semaphore&&) noexcept;
    ~Semaphore();
    void release();
    void acquire();

   private:
    friend class Simulation;
    struct State;
    explicit Semaphore(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };

  Semaphore semaphore(unsigned initial = 0);
  /// Starts an actor at the current time (time 0 before run()).
  void spawn(const std::string& name, std::function<void()> body);
  /// The same for one that does not keep the run going: it ends with the last other actor.
  void spawn_beside(const std::string& name, std::function<void()> body);
  Seconds now() const;
  /// Suspends the calling actor. Throws SimulationError for a negative or non-finite time.
  void sleep_for(Seconds duration);
  /// Moves `loads` over shared links, all at once, each link shared max-min fairly with whatever
  /// else crosses it; returns when the last byte has arrived and at least `alone` has passed, or at
  /// the time `until`. Result: the share of it that is done by then, that of the slowest link.
  double transfer(std::span<const LinkBytes> loads, Seconds alone,
                  Seconds until = Seconds(std::numeric_limits<double>::infinity()));
  /// Starts every flow now on its own path, and returns when all have ended or, with what is left
  /// of them, at the time `until`.
  std::vector<FlowEnd> move(std::span<const PathBytes> flows, Seconds until);
  /// From now on the link has this capacity.
  void set_capacity(int link, BytesPerSecond capacity);
  /// Activities (sleeps, transfers, waits) completed so far.
  std::int64_t activities() const;
  /// Runs until every actor has ended. Throws what left an actor, or SimulationError on a deadlock.
  void run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace moesim
