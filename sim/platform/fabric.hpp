// The fabric as a directed multigraph: switches, links between them, and endpoints (the ports of a
// NIC, or of a GPU) that hang on switches. Contract: endpoints and switches are numbered from 0 in
// the order of creation; traffic passes through switches only, never through an endpoint; a link
// without capacity has failed and is on no path. Plain data: paths are found in path_sets.hpp.
// Not modelled: switch buffers, multicast.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/platform/link.hpp"

namespace moesim {

/// One port of an endpoint: the switch it hangs on and the two directions of its cable.
struct Port {
  int at = 0;  ///< switch
  int out = 0, in = 0;
};

/// Ends of a link: a switch, or endpoint e as ~e.
struct LinkEnds {
  int from = 0, to = 0;
};

class Fabric {
 public:
  int add_switch(std::string name);
  int add_endpoint(std::string name);
  /// A further port of an endpoint, a cable of `bandwidth` each way.
  void attach(int endpoint, int at, BytesPerSecond bandwidth, Seconds latency);
  /// A cable between two switches, `bandwidth` each way. Throws InputError for a loop or a cable
  /// that carries nothing.
  void connect(int a, int b, BytesPerSecond bandwidth, Seconds latency);
  void connect_one_way(int from, int to, BytesPerSecond bandwidth, Seconds latency);

  int endpoints() const { return static_cast<int>(ports_.size()); }
  int switches() const { return static_cast<int>(switch_names_.size()); }
  const std::vector<Link>& links() const { return links_; }
  const LinkEnds& ends(int link) const { return ends_[static_cast<std::size_t>(link)]; }
  std::span<const Port> ports(int endpoint) const {
    return ports_[static_cast<std::size_t>(endpoint)];
  }
  const std::string& endpoint_name(int e) const { return endpoint_names_[std::size_t(e)]; }
  const std::string& switch_name(int s) const { return switch_names_[std::size_t(s)]; }

  /// Links between two named vertices, both directions. Throws InputError for an unknown name (with
  /// the nearest one) or when there is no cable between them.
  std::vector<int> between(const std::string& a, const std::string& b) const;
  /// The link runs at `factor` times its present capacity; 0: failed.
  void slow_down(int link, double factor);
  /// The link comes back at this capacity.
  void set_capacity(int link, BytesPerSecond capacity);
  bool up(int link) const { return links_[static_cast<std::size_t>(link)].capacity.value > 0; }

  /// Bandwidth of the endpoints of a switch / bandwidth of its links to other switches; the largest
  /// over the switches that have both, at least 1, as built (failures do not count).
  double oversubscription() const;

 private:
  int add_link(int from, int to, std::string name, BytesPerSecond bandwidth, Seconds latency);
  /// Switch, or ~endpoint.
  int vertex(const std::string& name) const;

  std::vector<std::string> switch_names_, endpoint_names_;
  std::vector<std::vector<Port>> ports_;  ///< [endpoint]
  std::vector<Link> links_;
  std::vector<LinkEnds> ends_;
  std::vector<double> nominal_;  ///< [link] capacity as built
};

}  // namespace moesim
