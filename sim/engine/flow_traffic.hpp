// Fidelity `pairwise` of a serving run: every flow of every transfer is a SimGrid flow on its own
// path, beside those of all other transfers that are under way. Paths are chosen when a transfer
// starts, and transports that look at traffic see what is under way then. When a link fails or
// slows down, what has not arrived is routed again over what is left. A sprayed flow has the shares
// of one flow, divided over its paths. Not modelled: a planner that moves flows which are under
// way.
#pragma once

#include <list>

#include "sim/engine/collective_epochs.hpp"
#include "sim/engine/step.hpp"

namespace moesim {

class FlowTraffic {
 public:
  /// Of one network, whose links are numbered from `first_link` among those of `simulation`.
  FlowTraffic(Simulation& simulation, std::span<const Epoch> epochs,
              std::span<const LinkCondition> conditions, int first_link = 0);

  /// Starts an actor that changes capacities when their time has come.
  void follow_conditions();
  /// Starts every flow now; returns when all have arrived and `at_least` has passed. The links are
  /// as busy with them as with the part `effective` of their bytes. Throws InputError for more
  /// flows than can be simulated. Called by an actor.
  void move(const FlowList& flows, Seconds at_least, double effective = 1);
  /// The same over paths that nobody chooses, links numbered as in `simulation`.
  void move(const Routes& given, Seconds at_least);
  /// Bytes that have crossed each link, numbered as in `simulation`; links at the end that none has
  /// crossed are left out.
  const std::vector<double>& link_bytes() const { return link_bytes_; }
  /// What became of traffic under way when links changed.
  const std::vector<std::string>& events() const { return events_; }

 private:
  Routes route(const Epoch& epoch, const std::vector<SplitFlows>& sets) const;
  std::vector<FlowEnd> move(const Routes& routes, const std::vector<double>& per_share,
                            int first_link, Seconds until, double effective);

  Simulation& simulation_;
  std::span<const Epoch> epochs_;
  std::span<const LinkCondition> conditions_;
  int first_link_;
  std::list<Routes> under_way_;
  std::vector<double> link_bytes_;
  std::vector<std::string> events_;
};

/// What an engine's transfers go over.
struct Carrier {
  Simulation& simulation;
  int first_link = 0;            ///< of the engine's network among the links of the run
  FlowTraffic* flows = nullptr;  ///< fidelity `pairwise`

  /// Returns when the transfer is over, which takes `alone` undisturbed. Called by an actor.
  void carry(const OnLinks& links, Seconds alone) const;
};

}  // namespace moesim
