#include "sim/engine/simulation.hpp"

#include <cmath>
#include <csignal>
#include <cstring>
#include <exception>

#include "sim/core/error.hpp"
#include "sim/engine/simgrid_compat.hpp"

namespace moesim {
namespace sg = simgrid::s4u;

namespace {

// A zone of one link per pair of hosts: host 2i sends to host 2i+1 over link i. SimGrid asks it for
// the route of every communication, so no routing table of quadratic size is built (the mechanism
// of a fabric with many paths).
class LinkZone final : public simgrid::kernel::routing::NetZoneImpl {
 public:
  explicit LinkZone(const std::string& name) : NetZoneImpl(name) {}

  void get_local_route(const simgrid::kernel::routing::NetPoint* source,
                       const simgrid::kernel::routing::NetPoint*,
                       simgrid::kernel::routing::Route* into, double* latency) override {
    auto* link = links[source->id() / 2];
    into->link_list_.push_back(link->get_impl());
    if (latency != nullptr) *latency += link->get_latency();
  }

  std::vector<sg::Link*> links;
};

}  // namespace

struct Simulation::Impl {
  std::unique_ptr<sg::Engine> engine;
  std::vector<sg::Host*> hosts;
  sg::Host* home = nullptr;
  std::exception_ptr failure;
  bool deadlock = false;
  std::int64_t activities = 0;
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
  auto* fabric = new LinkZone("links");  // SimGrid owns and deletes it
  auto* zone = fabric->get_iface();
  zone->set_parent(root);
  for (std::size_t i = 0; i < links.size(); ++i) {
    const auto id = std::to_string(i);
    impl_->hosts.push_back(zone->create_host("from" + id, 1e9));
    impl_->hosts.push_back(zone->create_host("to" + id, 1e9));
    fabric->links.push_back(
        zone->create_link("link" + id, links[i].capacity.value)->set_latency(0));
  }
  impl_->home = zone->create_host("home", 1e9);
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
  sg::Actor::create(name, impl_->home, [impl = impl_.get(), body = std::move(body)] {
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

void Simulation::transfer(std::span<const LinkBytes> loads, Seconds alone) {
  const Seconds start = now();
  std::vector<sg::CommPtr> flows;
  for (const auto& load : loads) {
    const auto bytes = static_cast<std::uint64_t>(std::llround(load.bytes));
    if (bytes == 0) continue;
    const auto from = 2 * static_cast<std::size_t>(load.link);
    flows.push_back(sg::Comm::sendto_async(impl_->hosts[from], impl_->hosts[from + 1], bytes));
  }
  for (auto& flow : flows) flow->wait();
  impl_->activities += static_cast<std::int64_t>(flows.size());
  const Seconds rest = start + alone - now();
  if (rest > Seconds(0)) sleep_for(rest);
}

std::int64_t Simulation::activities() const { return impl_->activities; }

void Simulation::run() {
  impl_->engine->run();
  if (impl_->failure) std::rethrow_exception(impl_->failure);
  if (impl_->deadlock) throw SimulationError("deadlock: every actor waits and nothing can happen");
}

}  // namespace moesim
