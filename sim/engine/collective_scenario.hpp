// Scenario kind `collective`: collectives on a cluster without serving, for network studies. One
// file may name several transports, which are compared on the same traffic, and several collectives
// that run at the same time. Plain values, checked, with every default filled in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/platform/cluster.hpp"
#include "sim/platform/transport.hpp"
#include "sim/transport/collective.hpp"
#include "sim/transport/wire.hpp"

namespace moesim {

/// One collective of the study.
struct CollectiveEntry {
  std::string name;
  Choice<Collective> collective{"all-to-all"};
  Seconds start{0};
  std::optional<std::vector<std::int64_t>> gpus;
  static const Parameters<CollectiveEntry>& parameters();
};

/// analytic: each collective alone, time from link loads; aggregate and pairwise: on SimGrid, where
/// those that run at the same time contend.
enum class StudyFidelity { analytic, aggregate, pairwise };
const std::vector<std::string>& names_of(StudyFidelity);

struct CollectiveScenario {
  std::string kind = "collective";
  std::string title, question;
  std::int64_t seed = 1;
  ClusterConfig cluster;
  std::vector<CollectiveEntry> collectives;
  std::vector<Choice<Transport>> transports{Choice<Transport>("spray")};
  StudyFidelity fidelity = StudyFidelity::analytic;
  std::int64_t samples = 1;
  bool flow_times = true;
  Wire wire;
  static const Parameters<CollectiveScenario>& parameters();
  void check(const Node& at) const;
};

/// "collective" of `kind: collective`; "serving" when the document says nothing. InputError for any
/// other word.
std::string kind_of(const Node& document);
/// Its parameter list, for help, reference and schema.
std::vector<ParameterInfo> collective_scenario_parameters();
CollectiveScenario read_collective_scenario(const Node& document);

/// A transport as a row of a table names it: "ecmp, queue_pairs 4".
std::string transport_label(const Choice<Transport>& transport);

}  // namespace moesim
