// Blocks of KV memory that requests with the same beginning share, of one data-parallel rank: who
// holds which block, and in which order blocks that nobody holds are given up (least recently used
// first, the end of a prompt before its beginning; vllm/v1/core/block_pool.py, v0.8 to v0.19).
// Pure book-keeping in blocks; bytes are KvCache's business. A block's id stands for its tokens and
// all before them, so a block is never there without those before it.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>

namespace moesim {

/// The beginning of a request's prompt in whole blocks.
struct KvPrefix {
  std::span<const std::int64_t> blocks;  ///< ids, in order
  std::int64_t shared = 0;               ///< of them, the first so many it holds among the shared
};

class PrefixBlocks {
 public:
  /// How many of the first blocks are there.
  std::int64_t find(std::span<const std::int64_t> blocks) const;
  bool contains(std::int64_t block) const { return entries_.contains(block); }
  /// One more request holds `block`, which is added if it is not there. True when somebody held it
  /// before.
  bool hold(std::int64_t block);
  /// One request fewer; true when nobody holds it any more. Throws SimulationError when nobody did.
  bool drop(std::int64_t block);
  /// Gives up the block that has not been held for longest. There must be one.
  void evict();
  /// Blocks that nobody holds.
  std::int64_t idle() const { return static_cast<std::int64_t>(unused_.size()); }
  std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }

 private:
  struct Entry {
    std::int64_t holders = 0;
    std::uint64_t dropped = 0;  ///< when it was last held, in drops
  };
  std::unordered_map<std::int64_t, Entry> entries_;
  std::map<std::uint64_t, std::int64_t> unused_;  ///< blocks by Entry::dropped
  std::uint64_t drops_ = 0;
};

}  // namespace moesim
