#include "sim/engine/simulation.hpp"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <deque>
#include <exception>
#include <numeric>

#include "sim/core/error.hpp"
#include "sim/engine/simgrid_compat.hpp"

namespace moesim {
namespace sg = simgrid::s4u;

namespace {

/// Of a transfer that stands for one flow: a picosecond, which no result shows.
constexpr double kShareLatency = 1e-12;

// A zone that gives every communication a path of its own: whoever starts one leaves its links
// here, and SimGrid, which asks for the route of every communication in the order in which they
// start, takes them. So no routing table is built, and a fabric with many paths costs nothing more.
class PathZone final : public simgrid::kernel::routing::NetZoneImpl {
 public:
  explicit PathZone(const std::string& name) : NetZoneImpl(name) {}

  void get_local_route(const simgrid::kernel::routing::NetPoint*,
                       const simgrid::kernel::routing::NetPoint*,
                       simgrid::kernel::routing::Route* into, double* latency) override {
    if (next.empty()) throw SimulationError("SimGrid asked for the route of no communication");
    for (const int l : next.front().path)
      into->link_list_.push_back(links[static_cast<std::size_t>(l)]->get_impl());
    if (latency != nullptr) *latency += next.front().latency_s;
    next.pop_front();
  }

  struct Route {
    std::vector<int> path;
    double latency_s = 0;
  };
  std::vector<sg::Link*> links;
  std::deque<Route> next;
};

}  // namespace

namespace {

/// SimGrid counts whole bytes, and as many as fit into 64 bits.
std::uint64_t whole(double bytes) {
  if (!(bytes < 9e18))
    throw InputError("a flow of " + std::to_string(bytes) + " bytes is too large to be simulated");
  return static_cast<std::uint64_t>(std::llround(bytes));
}

}  // namespace

struct Simulation::Impl {
  std::unique_ptr<sg::Engine> engine;
  PathZone* zone = nullptr;
  sg::Host *home = nullptr, *away = nullptr;
  std::exception_ptr failure;
  bool deadlock = false;
  std::int64_t activities = 0;

  /// SimGrid's CM02 divides a link in inverse proportion to the latencies of those that cross it
  /// (and evenly among those without): so weights are latencies too small to count.
  sg::CommPtr start(std::span<const int> path, std::uint64_t bytes, double latency_s = 0) {
    zone->next.push_back({{path.begin(), path.end()}, latency_s});
    return sg::Comm::sendto_async(home, away, bytes);
  }

  sg::ActorPtr spawn(const std::string& name, std::function<void()> body);

  /// Waits for all, or stops those that are under way at the time `until`.
  std::vector<FlowEnd> wait(const std::vector<sg::CommPtr>& flows, Seconds until) {
    activities += static_cast<std::int64_t>(flows.size());
    std::vector<FlowEnd> ends(flows.size());
    if (!std::isfinite(until.value)) {
      for (std::size_t f = 0; f < flows.size(); ++f) {
        flows[f]->wait();
        ends[f].at = Seconds(flows[f]->get_finish_time());
      }
      return ends;
    }
    auto active = flows;
    std::vector<std::size_t> number(flows.size());
    std::iota(number.begin(), number.end(), 0);
    while (!active.empty()) {
      const double left = until.value - sg::Engine::get_clock();
      const auto done = left > 0 ? sg::Comm::wait_any_for(active, left) : -1;
      if (done < 0) break;
      ends[number[static_cast<std::size_t>(done)]].at = Seconds(sg::Engine::get_clock());
      active.erase(active.begin() + done);
      number.erase(number.begin() + done);
    }
    for (std::size_t i = 0; i < active.size(); ++i) {
      ends[number[i]] = {Seconds(sg::Engine::get_clock()), active[i]->get_remaining()};
      active[i]->cancel();
    }
    return ends;
  }
};

struct Simulation::Semaphore::State {
  sg::SemaphorePtr semaphore;
  std::int64_t* activities = nullptr;
};

Simulation::Simulation(const std::vector<SharedLink>& links) : impl_(std::make_unique<Impl>()) {
  // The fluid model without TCP's corrections gives exact times; its log goes nowhere (errors come
  // as exceptions).
  std::vector<std::string> words = {"moesim",
                                    "--log=root.thresh:critical",
                                    "--log=no_loc",
                                    "--cfg=network/model:CM02",
                                    "--cfg=network/TCP-gamma:0",
                                    "--cfg=network/crosstraffic:0",
                                    "--cfg=network/bandwidth-factor:1",
                                    "--cfg=network/latency-factor:1",
                                    "--cfg=network/weight-S:0",
                                    "--cfg=contexts/stack-size:256"};
#if defined(__SANITIZE_ADDRESS__)
  words.emplace_back("--cfg=contexts/factory:thread");  // sanitizers do not follow hand-made stacks
#endif
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  const auto interrupted =
      std::signal(SIGINT, SIG_DFL);  // SimGrid takes Ctrl-C for itself and would end with 1
  impl_->engine = std::make_unique<sg::Engine>(&argc, argv.data());
  std::signal(SIGINT, interrupted);
  auto* root = create_root_zone(*impl_->engine);
  impl_->zone = new PathZone("links");  // SimGrid owns and deletes it
  auto* zone = impl_->zone->get_iface();
  zone->set_parent(root);
  for (std::size_t i = 0; i < links.size(); ++i)
    impl_->zone->links.push_back(
        zone->create_link("link" + std::to_string(i), links[i].capacity.value)->set_latency(0));
  impl_->home = zone->create_host("home", 1e9);
  impl_->away = zone->create_host("away", 1e9);
  zone->seal();
  root->seal();
  sg::Engine::on_deadlock_cb([impl = impl_.get()] { impl->deadlock = true; });
}

Simulation::~Simulation() = default;

Simulation::Semaphore::Semaphore(std::unique_ptr<State> state) : state_(std::move(state)) {}
Simulation::Semaphore::Semaphore(Semaphore&&) noexcept = default;
Simulation::Semaphore::~Semaphore() = default;

void Simulation::Semaphore::release() { state_->semaphore->release(); }

void Simulation::Semaphore::acquire() {
  ++*state_->activities;
  state_->semaphore->acquire();
}

Simulation::Semaphore Simulation::semaphore(unsigned initial) {
  auto state = std::make_unique<Semaphore::State>();
  state->semaphore = sg::Semaphore::create(initial);
  state->activities = &impl_->activities;
  return Semaphore(std::move(state));
}

void Simulation::spawn(const std::string& name, std::function<void()> body) {
  impl_->spawn(name, std::move(body));
}

void Simulation::spawn_beside(const std::string& name, std::function<void()> body) {
  impl_->spawn(name, std::move(body))->daemonize();
}

sg::ActorPtr Simulation::Impl::spawn(const std::string& name, std::function<void()> body) {
  return sg::Actor::create(name, home, [impl = this, body = std::move(body)] {
    try {
      body();
    } catch (const simgrid::ForcefulKillException&) {
      throw;  // SimGrid ends an actor this way
    } catch (...) {
      if (!impl->failure) impl->failure = std::current_exception();
      sg::Actor::kill_all();
    }
  });
}

Seconds Simulation::now() const { return Seconds(sg::Engine::get_clock()); }

void Simulation::sleep_for(Seconds duration) {
  if (!std::isfinite(duration.value) || duration.value < 0)
    throw SimulationError("time going back: a phase of " + std::to_string(duration.value) + " s");
  ++impl_->activities;
  sg::this_actor::sleep_for(duration.value);
}

double Simulation::transfer(std::span<const LinkBytes> loads, Seconds alone, Seconds until) {
  const Seconds start = now();
  std::vector<sg::CommPtr> flows;
  std::vector<double> bytes_of;
  at_once([&] {
    for (const auto& load : loads) {
      const auto bytes = whole(load.bytes);
      if (bytes == 0) continue;
      flows.push_back(impl_->start(std::span(&load.link, 1), bytes, kShareLatency / load.flows));
      bytes_of.push_back(static_cast<double>(bytes));
    }
  });
  double rest = 0;  // what the slowest link has yet to carry, as a share
  const auto ends = impl_->wait(flows, until);
  for (std::size_t f = 0; f < ends.size(); ++f)
    rest = std::max(rest, ends[f].rest_bytes / bytes_of[f]);
  const Seconds end = std::min(start + alone, until);
  if (end > now()) sleep_for(end - now());
  return start + alone > until ? std::min(1 - rest, (until - start) / alone) : 1 - rest;
}

std::vector<FlowEnd> Simulation::move(std::span<const PathBytes> flows, Seconds until) {
  std::vector<FlowEnd> ends(flows.size(), {now(), 0});
  std::vector<sg::CommPtr> active;
  std::vector<std::size_t> flow_of;
  at_once([&] {
    for (std::size_t f = 0; f < flows.size(); ++f) {
      const auto bytes = whole(flows[f].bytes);
      if (bytes == 0) continue;
      active.push_back(impl_->start(flows[f].links, bytes,
                                    flows[f].flows > 0 ? kShareLatency / flows[f].flows : 0));
      flow_of.push_back(f);
    }
  });
  const auto active_ends = impl_->wait(active, until);
  for (std::size_t i = 0; i < active.size(); ++i) ends[flow_of[i]] = active_ends[i];
  return ends;
}

void Simulation::set_capacity(int link, BytesPerSecond capacity) {
  impl_->zone->links[static_cast<std::size_t>(link)]->set_bandwidth(capacity.value);
}

std::int64_t Simulation::activities() const { return impl_->activities; }

void Simulation::run() {
  impl_->engine->run();
  if (impl_->failure) std::rethrow_exception(impl_->failure);
  if (impl_->deadlock) throw SimulationError("deadlock: every actor waits and nothing can happen");
}

}  // namespace moesim
