// Requests on their way from the prefill to the decode pool. Contract: a request waits at a decode
// rank, first come first served, until that rank has a seat (max_sequences) and KV memory for its
// prompt; then its cache travels, every transfer an actor of its own that shares links with the
// others; the prefill worker's copy is freed when the last byte has arrived. A rank with preempted
// requests takes none. While it waits, a request holds KV memory at its prefill worker: that is the
// back pressure. A decode worker looks for what has come, and for what has arrived, between two
// steps (_prepare_and_schedule_batch of TensorRT-LLM's py_executor.py, process_decode_queue of
// SGLang's disaggregation/decode.py, both read 2026-11-23): the first token is seen when the next
// step begins. Without KvTransferConfig::overlap that step waits for the transfers, of each rank
// one after the other.
#pragma once

#include <deque>
#include <vector>

#include "sim/engine/flow_traffic.hpp"
#include "sim/serving/engine_group.hpp"
#include "sim/serving/kv_paths.hpp"
#include "sim/serving/request_router.hpp"
#include "sim/serving/serving_scenario.hpp"

namespace moesim {

struct HandoverCounts {
  double bytes = 0;                ///< that decode GPUs received
  std::vector<double> transfer_s;  ///< of every request, in the order in which they ended
  std::vector<double> wait_s;      ///< for a seat and memory, in the order in which they started
};

class Handover {
 public:
  struct Parts {
    Simulation& simulation;
    KvPaths paths;
    std::vector<EngineGroup*> prefill, decode;
    std::unique_ptr<RequestRouter> router;  ///< over the decode ranks
    std::int64_t seats = 0;                 ///< running requests per decode rank
    KvTransferConfig transfer;
    FirstToken first_token = FirstToken::decode;
    bool contend = true;             ///< transfers share links; else each has them to itself
    FlowTraffic* traffic = nullptr;  ///< they do, flow by flow
    Totals& totals;
  };

  explicit Handover(Parts parts);

  const HandoverCounts& counts() const { return counts_; }

 private:
  struct Pending {
    Request* request = nullptr;
    std::int64_t from = 0;  ///< rank of the prefill pool
    Seconds since;
    KvPrefix prefix;  ///< what the request shares there
  };
  struct Rank {
    EngineGroup* group = nullptr;
    std::int64_t local = 0;  ///< in its group
    std::deque<Pending> incoming;
    std::int64_t in_transfer = 0;
  };

  static std::vector<Rank> ranks_of(const std::vector<EngineGroup*>& groups);
  void accept(Request& request);
  void admit(std::size_t to);
  void move(const Pending& pending, std::size_t to);
  /// `each` bytes for every GPU of the decode rank; returns when they are there.
  void carry(std::int64_t from, std::int64_t to, Bytes each);

  Parts parts_;
  std::vector<Rank> prefill_, decode_;
  HandoverCounts counts_;
};

}  // namespace moesim
