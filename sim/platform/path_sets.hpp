// All shortest paths of a fabric, found once per destination switch and kept: for every switch the
// links that bring it nearer to the destination, and how many paths there are that way. From that
// come the number of paths between two endpoints, any path by its number, and the even spread of
// traffic over all of them, without ever listing paths: a fat tree of 10,000 hosts has 136 million.
// Contract: paths are numbered from 0 in the order of the links' creation (in a leaf-spine fabric,
// path number = spine number); failed links are on no path; of a bonded NIC, every combination of
// ports that is no longer than the shortest counts. The fabric must not change afterwards.
// Not modelled: paths longer than the shortest.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/platform/fabric.hpp"

namespace moesim {

/// How traffic divides over equally short paths: by number of paths, or by what the links carry.
enum class PathWeight { even, capacity };

/// The way to one destination switch from everywhere.
struct PathTree {
  struct Hop {
    int link = 0, to = 0;
  };
  std::vector<int> distance;            ///< [switches] links to go; -1: no way
  std::vector<double> paths;            ///< [switches] number of shortest paths
  std::vector<double> capacity_weight;  ///< [switches] the same, each path counted by the product
                                        ///< of its links' capacities relative to the fastest
  std::vector<int> first;               ///< [switches + 1] into hops
  std::vector<Hop> hops;
  std::vector<int> far_to_near;  ///< switches with a way, the farthest first
};

/// Bytes from endpoint to endpoint.
struct Flow {
  int source = 0, target = 0;
  double bytes = 0;
};

class PathSets {
 public:
  explicit PathSets(const Fabric& fabric);
  ~PathSets();
  PathSets(const PathSets&) = delete;
  PathSets& operator=(const PathSets&) = delete;

  const Fabric& fabric() const { return fabric_; }
  const PathTree& towards(int a_switch) const;
  /// Number of shortest paths; 0 when there is none. At most 2^53.
  std::int64_t count(int source, int target) const;
  /// Links of every path between the two, ports included; -1: no path.
  int hops(int source, int target) const;
  /// Appends the links of path `index` < count. Returns the path's share of capacity_weight.
  double append_path(int source, int target, std::int64_t index, std::vector<int>& links) const;
  /// Bytes of each flow divided over its paths. Throws InputError when one has none.
  void spread(std::span<const Flow> flows, PathWeight weight, LinkLoads& loads) const;
  /// The same for product traffic between groups of endpoints: endpoint a sends out[a] * share[b]
  /// to every b of another group; `group` [endpoints].
  void spread_product(std::span<const double> out, std::span<const double> share,
                      std::span<const int> group, PathWeight weight, LinkLoads& loads) const;
  /// Propagation along path 0, all its links.
  Seconds latency(int source, int target) const;
  /// InputError that names the two.
  [[noreturn]] void no_path(int source, int target) const;

 private:
  struct Graph;
  class Demand;
  std::int64_t port_pairs(int source, int target, std::vector<std::pair<Port, Port>>& pairs) const;

  const Fabric& fabric_;
  std::unique_ptr<Graph> graph_;
  mutable std::vector<std::unique_ptr<PathTree>> trees_;
  std::vector<int> edge_index_;  ///< [switches] number among those with endpoints; -1
  std::vector<int> edges_;       ///< switches with endpoints
  double fastest_ = 0;           ///< capacity of the fastest link between switches
};

}  // namespace moesim
