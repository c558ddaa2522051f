// What ExpertMemory's files share, and nobody else: its copies and what a layer asks for. A key is
// an expert's full copy (its id) or its small one (id + experts of all layers).
#pragma once

#include "sim/cache/expert_memory.hpp"
#include "sim/cache/tier_path.hpp"

namespace moesim {

/// Copies on their way and what is known of those that have arrived.
struct ExpertMemory::Copies {
  Copies(const ExpertMemoryConfig& config, const CacheShape& shape, Bytes bytes, std::size_t keys,
         CopyLinks* shared)
      : queue(config.order, config.chunk, shared),
        path(config.tiers, shape, bytes),
        ticket(keys, -1),
        asked(keys, Bytes(0)),
        links(keys, 0),
        share(keys, 0),
        fetched(keys, 0),
        pinned(keys, 0),
        staged(keys, 0) {}
  CopyQueue queue;
  TierPath path;
  std::vector<CopyQueue::Ticket> ticket;  ///< [keys] of the latest copy, -1: none on its way
  std::vector<Bytes> asked;               ///< [keys] of that copy
  std::vector<std::size_t> links;         ///< [keys] that it crosses
  std::vector<double> share;              ///< [keys] of the full bytes that is or will be there
  std::vector<char> fetched;              ///< [keys] prefetched and not used yet
  std::vector<char> pinned;               ///< [keys] predicted and there: not to be displaced
  std::vector<char> staged;               ///< [keys] in a staging buffer
  std::vector<ExpertId> buffers;          ///< the same as a list
};

struct ExpertMemory::Need {
  std::size_t index = 0;  ///< among what the layer needs
  ExpertId id = 0;
  ExpertId key = 0;  ///< of the copy that serves it
  MissPolicy::Answer answer;
  bool on_gpu = true;
};

}  // namespace moesim
