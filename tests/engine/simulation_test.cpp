// The façade over SimGrid: exact times, max-min sharing, and failures that come out as exceptions.
#include "sim/engine/simulation.hpp"

#include <gtest/gtest.h>

#include "sim/core/error.hpp"

namespace moesim {
namespace {

TEST(Simulation, SleepsAddUp) {
  Simulation simulation;
  Seconds end;
  simulation.spawn("sleeper", [&] {
    for (int i = 0; i < 1000; ++i) simulation.sleep_for(Seconds(1e-6));
    end = simulation.now();
  });
  simulation.run();
  EXPECT_NEAR(end.value, 1e-3, 1e-12);
  EXPECT_EQ(simulation.activities(), 1000);
}

TEST(Simulation, TwoTransfersShareALinkAndOneHasItToItself) {
  Simulation simulation({{"a", BytesPerSecond(1e9)}, {"b", BytesPerSecond(1e9)}});
  Seconds first, second, lone;
  const auto move = [&](int link, double bytes, Seconds& end) {
    simulation.spawn("move", [&simulation, link, bytes, &end] {
      const LinkBytes load{link, bytes};
      simulation.transfer(std::span(&load, 1), Seconds(0));
      end = simulation.now();
    });
  };
  move(0, 1e6, first);
  move(0, 3e6, second);
  move(1, 1e6, lone);
  simulation.run();
  EXPECT_NEAR(lone.value, 1e-3, 1e-9);
  EXPECT_NEAR(first.value, 2e-3, 1e-9);   // half of the link until it is done
  EXPECT_NEAR(second.value, 4e-3, 1e-9);  // then all of it
}

TEST(Simulation, ATransferTakesAtLeastItsTimeAlone) {
  Simulation simulation({{"a", BytesPerSecond(1e9)}});
  Seconds end;
  simulation.spawn("move", [&] {
    const LinkBytes load{0, 1e6};
    simulation.transfer(std::span(&load, 1), Seconds(5e-3));
    end = simulation.now();
  });
  simulation.run();
  EXPECT_NEAR(end.value, 5e-3, 1e-9);
}

TEST(Simulation, WakesWhoWaits) {
  Simulation simulation;
  auto semaphore = simulation.semaphore();
  Seconds woke;
  simulation.spawn("waiter", [&] {
    semaphore.acquire();
    woke = simulation.now();
  });
  simulation.spawn("waker", [&] {
    simulation.sleep_for(Seconds(1));
    semaphore.release();
  });
  simulation.run();
  EXPECT_NEAR(woke.value, 1, 1e-9);
}

TEST(Simulation, ADeadlockIsAnError) {
  Simulation simulation;
  auto semaphore = simulation.semaphore();
  simulation.spawn("waiter", [&] { semaphore.acquire(); });
  EXPECT_THROW(simulation.run(), SimulationError);
}

TEST(Simulation, AnExceptionInAnActorComesOut) {
  Simulation simulation;
  auto semaphore = simulation.semaphore();
  simulation.spawn("waiter", [&] { semaphore.acquire(); });
  simulation.spawn("thrower", [&] {
    simulation.sleep_for(Seconds(1));
    throw SimulationError("lost a token");
  });
  try {
    simulation.run();
    FAIL() << "nothing came out";
  } catch (const SimulationError& error) {
    EXPECT_STREQ(error.what(), "lost a token");
  }
}

TEST(Simulation, RefusesNegativeTime) {
  Simulation simulation;
  simulation.spawn("wrong", [&] { simulation.sleep_for(Seconds(-1)); });
  EXPECT_THROW(simulation.run(), SimulationError);
}

}  // namespace
}  // namespace moesim
