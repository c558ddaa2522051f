// The packet-level runs of the reference data (network/runs.csv) as what the simulator takes: the
// fabric of every row is built from the row's own columns, its traffic from the pattern or from
// matrices/, recorded paths from paths.csv.gz. Nothing is known about any single topology here.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/platform/network.hpp"
#include "sim/transport/wire.hpp"

namespace moesim {

struct RecordedFlow {
  int source = 0, target = 0;
  double bytes = 0;
  std::int64_t path = -1;  ///< spine, or path number in three tiers; -1: inside a leaf
};

struct NetworkRun {
  std::string id, topology, fabric_key;
  int tiers = 2, hosts = 0, leaves = 0, hosts_per_leaf = 0, spines = 0;
  double oversubscription = 1;
  double link_bytes_per_s = 0, link_latency_s = 0;
  std::string degraded;  ///< "leaf0-spine0x0.5", or nothing
  double speed = 1;      ///< of that link
  std::string pattern, seed, lb;
  std::int64_t message_bytes = 0, split = 1;
  Wire wire;
  bool complete = true;  ///< all flows ended
  double time_s = 0;
  std::vector<RecordedFlow> recorded;
};

class NetworkRuns {
 public:
  /// `folder` holds runs.csv, paths.csv.gz and matrices/. Throws InputError when one is missing or
  /// broken.
  explicit NetworkRuns(const std::string& folder);

  const std::vector<NetworkRun>& runs() const { return runs_; }
  /// Built once per fabric.
  const Network& network(const NetworkRun& run);
  /// Messages between hosts, without what the transport splits; nothing when no file says.
  std::optional<std::vector<Flow>> traffic(const NetworkRun& run);

 private:
  void read_paths(const std::string& file);

  std::string folder_;
  std::vector<NetworkRun> runs_;
  std::map<std::string, std::unique_ptr<Network>> networks_;
};

}  // namespace moesim
