// Which links a request's keys and values cross from a prefill to a decode rank. Every GPU of the
// decode rank receives its own part (its KV heads; for latent attention the whole latent, which
// every tensor rank holds), the senders share the work evenly. GPUs of one node use the island,
// others their NICs and the fabric. Pools on clusters of their own are joined without a bottleneck:
// only the NICs of both ends count. Bytes and bounds, no clock.
#pragma once

#include "sim/engine/parallel.hpp"
#include "sim/platform/network.hpp"

namespace moesim {

class KvPaths {
 public:
  struct Pool {
    const Network& network;
    const Layout& layout;
    int first_link = 0;  ///< of its network among the links of the run
  };

  KvPaths(const Pool& prefill, const Pool& decode);

  /// Adds `bytes` for every GPU of a decode rank; ranks count over all workers of their pool. The
  /// flows go into `list` as well, if there is one and both pools are on one network.
  void load(std::int64_t prefill_rank, std::int64_t decode_rank, double bytes, LinkLoads& loads,
            FlowList* list = nullptr) const;
  /// The same flows with their paths, where the pools have networks of their own.
  Routes between_ports(std::int64_t prefill_rank, std::int64_t decode_rank, double bytes) const;
  bool one_network() const { return decode_.first_link == 0; }
  /// Start-up of the slowest message between two ranks.
  Seconds latency(std::int64_t prefill_rank, std::int64_t decode_rank) const;
  /// GPUs of a decode rank: each receives its part.
  std::int64_t receivers() const { return decode_.layout.degrees().tensor; }
  /// All links of the run.
  const std::vector<Link>& links() const { return links_; }
  /// Bytes of each of the equal flows from GPU to GPU that `bytes` for every GPU are.
  double flow_bytes(double bytes) const;
  /// Links outside the nodes that any transfer can cross.
  std::vector<int> fabric_links() const;

 private:
  std::vector<Flow> flows(std::int64_t prefill_rank, std::int64_t decode_rank, double bytes) const;
  void through_ports(const Pool& pool, int gpu, bool out, double bytes, LinkLoads& loads) const;

  Pool prefill_, decode_;
  std::vector<Link> links_;
};

}  // namespace moesim
