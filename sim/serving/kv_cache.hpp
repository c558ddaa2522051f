// Paged KV memory of one data-parallel rank: how many bytes the requests it runs hold, in whole
// blocks, never more than there are. Layers with full attention keep every token; layers with a
// window keep the tokens inside it (as vLLM's hybrid cache manager does), rounded up to blocks.
// With keep_prefixes(), blocks of prompts that requests have in common are held once, and stay,
// while nobody holds them, in the memory that is free (PrefixBlocks). Not modelled: fragmentation
// between the kinds; prefixes of layers with a window.
#pragma once

#include <bit>
#include <cstdint>

#include "sim/core/quantity.hpp"
#include "sim/serving/prefix_blocks.hpp"

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
  KvCache(const KvShape& shape, Bytes capacity)
      : shape_(shape),
        whole_blocks_(
            std::has_single_bit(static_cast<std::uint64_t>(shape.block)) ? ~(shape.block - 1) : 0),
        capacity_(capacity) {}
  /// Prompts share blocks of `tokens` tokens, a multiple of KvShape::block.
  void keep_prefixes(std::int64_t tokens) { shared_tokens_ = tokens; }
  bool keeps_prefixes() const { return shared_tokens_ > 0; }

  /// Memory of a request with `tokens` cached tokens.
  Bytes need(std::int64_t tokens) const;
  /// Grows a request from `from` to `to` cached tokens; false (and nothing changes) when there is
  /// no room. Blocks that nobody holds make room.
  bool grow(std::int64_t from, std::int64_t to);
  void free(std::int64_t tokens);

  /// Tokens at the beginning of a prompt that are there, at most `most`.
  std::int64_t find(const KvPrefix& prefix, std::int64_t most) const;
  /// A request without memory takes them: it holds that many tokens from now on.
  std::int64_t take(KvPrefix& prefix, std::int64_t most);
  /// Tokens of the blocks that the request holds among the shared.
  std::int64_t shared_tokens(const KvPrefix& prefix) const {
    return prefix.shared * shared_tokens_;
  }
  /// The first `computed` tokens of a request are there: others may share their blocks.
  void share(KvPrefix& prefix, std::int64_t computed);
  /// As free(tokens), of a request that shares some of them: those stay while there is room.
  void free(std::int64_t tokens, KvPrefix& prefix);

  /// Held by requests, every shared block once.
  Bytes used() const { return used_; }
  Bytes capacity() const { return capacity_; }
  double used_fraction() const { return capacity_.value > 0 ? used_ / capacity_ : 0; }
  /// Of shared blocks that nobody holds.
  Bytes idle() const { return block_bytes() * static_cast<double>(blocks_.idle()); }
  /// Tokens of one request that fit into an empty cache.
  std::int64_t longest_request() const;

 private:
  Bytes block_bytes() const { return need(shared_tokens_); }

  KvShape shape_;
  std::int64_t
      whole_blocks_;  ///< mask that rounds down to blocks; 0: their size is no power of two
  Bytes capacity_;
  Bytes used_{0};
  std::int64_t shared_tokens_ = 0;  ///< of a block that can be shared; 0: none is
  PrefixBlocks blocks_;
};

}  // namespace moesim
