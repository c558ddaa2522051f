// Paged KV memory of one data-parallel rank: how many bytes the requests it runs hold, in whole
// blocks, never more than there are. Layers with full attention keep every token; layers with a
// window keep the tokens inside it (as vLLM's hybrid cache manager does), rounded up to blocks. Not
// modelled: sharing of prefixes, fragmentation between the kinds.
#pragma once

#include <cstdint>

#include "sim/core/quantity.hpp"

namespace moesim {

/// Bytes of one token in all layers of a kind, on the most loaded GPU of the rank.
struct KvShape {
  Bytes full_per_token;    ///< layers with full attention
  Bytes window_per_token;  ///< layers with a window
  std::int64_t window = 0;
  std::int64_t block = 16;  ///< tokens
};

class KvCache {
 public:
  KvCache(const KvShape& shape, Bytes capacity) : shape_(shape), capacity_(capacity) {}

  /// Memory of a request with `tokens` cached tokens.
  Bytes need(std::int64_t tokens) const;
  /// Grows a request from `from` to `to` cached tokens; false (and nothing changes) when there is
  /// no room.
  bool grow(std::int64_t from, std::int64_t to);
  void free(std::int64_t tokens);

  Bytes used() const { return used_; }
  Bytes capacity() const { return capacity_; }
  double used_fraction() const { return capacity_.value > 0 ? used_ / capacity_ : 0; }
  /// Tokens of one request that fit into an empty cache.
  std::int64_t longest_request() const;

 private:
  KvShape shape_;
  Bytes capacity_;
  Bytes used_{0};
};

}  // namespace moesim
