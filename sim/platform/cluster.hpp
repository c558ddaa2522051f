// The section `cluster` of a scenario: which nodes, how many, and the fabric between them.
#pragma once

#include <cstdint>
#include <string>

#include "models/device/node_profile.hpp"
#include "sim/core/registry.hpp"
#include "sim/platform/topology.hpp"

namespace moesim {

/// A node profile by name, or `{profile: NAME, field: value, ...}` to change some of its fields.
struct NodeChoice {
  std::string profile;
  NodeProfile node;
};

template <>
struct Value<NodeChoice> {
  static NodeChoice read(const Node& node);
  static Node write(const NodeChoice& choice);
  static void describe(ParameterInfo& info);
};

/// A cable that is slower than built, or has failed, both ways; from the start or from a time on.
struct LinkCondition {
  std::string from, to;  ///< names of its ends: "leaf 0", "spine 3", "node 5 nic 0"
  double speed = 0;      ///< as a fraction of what was built; 0: failed
  Seconds at{0};

  static const Parameters<LinkCondition>& parameters();
};

struct ClusterConfig {
  NodeChoice node;
  std::int64_t nodes = 1;
  std::int64_t nic_ports = 1;
  Choice<Topology> fabric{"leaf-spine"};
  std::vector<LinkCondition> links;

  static const Parameters<ClusterConfig>& parameters();
  void check(const Node& at) const;
  std::int64_t gpus() const { return nodes * node.node.gpus; }
};

}  // namespace moesim
