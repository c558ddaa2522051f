#include "sim/platform/cluster.hpp"

#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"

namespace moesim {

NodeChoice Value<NodeChoice>::read(const Node& node) {
  const auto directory = data_path("models/device/nodes");
  if (!node.is_mapping()) {
    const auto name = read_text(node);
    return {name, load_node(directory, name, node.where)};
  }
  const Node* profile = node.find("profile");
  if (profile == nullptr)
    throw InputError(node.where,
                     "missing key 'profile': the node profile whose fields are changed here");
  Node changes = node;
  changes.erase("profile");
  const auto name = read_text(*profile);
  NodeProfile base = load_node(directory, name, profile->where);
  NodeChoice choice{name, override_node(base, changes)};
  if (const Node* device = changes.find("device"))
    load_device(data_path("models/device"), choice.node.device,
                device->where);  // refuses an unknown one at its place
  return choice;
}

Node Value<NodeChoice>::write(const NodeChoice& choice) {
  Node node = Node::mapping();
  node.set("profile", Node::scalar(choice.profile, true));
  const Node fields = NodeProfile::parameters().write(choice.node);
  for (std::size_t i = 0; i < fields.keys.size(); ++i) node.set(fields.keys[i], fields.items[i]);
  return node;
}

void Value<NodeChoice>::describe(ParameterInfo& info) {
  info.type = "section";
  info.by_name = "profile";
  info.children = NodeProfile::parameters().describe();
  for (auto& child : info.children) child.required = false;
}

const Parameters<ClusterConfig>& ClusterConfig::parameters() {
  static const auto list =
      Parameters<ClusterConfig>()
          .required("node", &ClusterConfig::node,
                    "node profile by name, or {profile: NAME, ...} to change some of its fields",
                    "hgx-h200")
          .optional("nodes", &ClusterConfig::nodes, "number of nodes")
          .min(1)
          .max(100000)
          .optional("nic_ports", &ClusterConfig::nic_ports,
                    "bonded ports of a NIC; each has its share of the bandwidth and a leaf of its "
                    "own where the fabric has leaves")
          .min(1)
          .max(8)
          .optional("fabric", &ClusterConfig::fabric, "network between the nodes")
          .optional("links", &ClusterConfig::links,
                    "cables that are slower than built or have failed (a slow NIC is a straggler)");
  return list;
}

const Parameters<LinkCondition>& LinkCondition::parameters() {
  static const auto list =
      Parameters<LinkCondition>()
          .required("from", &LinkCondition::from,
                    "one end of the cable: a switch (leaf 0, spine 3) or a NIC (node 5 nic 0)",
                    "leaf 0")
          .required("to", &LinkCondition::to, "the other end", "spine 0")
          .optional("speed", &LinkCondition::speed,
                    "fraction of its bandwidth that is left, both ways; 0: failed")
          .min(0)
          .max(1)
          .optional("at", &LinkCondition::at,
                    "when it happens; after the start only with fidelity pairwise, and in "
                    "scenarios of kind collective with aggregate")
          .min(0);
  return list;
}

void ClusterConfig::check(const Node& at) const {
  if (nodes > 1 && node.node.nics == 0)
    throw InputError(at.where, std::to_string(nodes) + " nodes, but the node profile " +
                                   node.profile + " has no network adapter between them (nics: 0)");
}

}  // namespace moesim
