#include "sim/serving/kv_cache.hpp"

#include <algorithm>

#include "sim/core/error.hpp"

namespace moesim {

Bytes KvCache::need(std::int64_t tokens) const {
  const auto blocks = [&](std::int64_t n) {
    const auto up = n + shape_.block - 1;
    return static_cast<double>(whole_blocks_ != 0 ? up & whole_blocks_ : up - up % shape_.block);
  };
  const auto full = shape_.full_per_token * blocks(tokens);
  if (shape_.window == 0) return full;
  return full + shape_.window_per_token * blocks(std::min(tokens, shape_.window));
}

bool KvCache::grow(std::int64_t from, std::int64_t to) {
  const Bytes more = need(to) - need(from);
  if (used_ + more > capacity_) return false;
  used_ += more;
  while (blocks_.idle() > 0 && used_ + idle() > capacity_) blocks_.evict();
  return true;
}

void KvCache::free(std::int64_t tokens) {
  used_ -= need(tokens);
  if (used_.value < -0.5) throw SimulationError("KV memory freed twice");
}

std::int64_t KvCache::find(const KvPrefix& prefix, std::int64_t most) const {
  if (!keeps_prefixes()) return 0;
  return std::min(blocks_.find(prefix.blocks), most / shared_tokens_) * shared_tokens_;
}

std::int64_t KvCache::take(KvPrefix& prefix, std::int64_t most) {
  const auto tokens = find(prefix, most);
  if (tokens == 0) return 0;
  for (prefix.shared = 0; prefix.shared < tokens / shared_tokens_; ++prefix.shared)
    if (!blocks_.hold(prefix.blocks[static_cast<std::size_t>(prefix.shared)]))
      used_ += block_bytes();
  return tokens;
}

// A block that others hold already, computed at the same time, is kept once (SGLang's
// cache_unfinished_req; vLLM keeps the second copy until its request ends).
void KvCache::share(KvPrefix& prefix, std::int64_t computed) {
  if (!keeps_prefixes()) return;
  const auto whole = std::min<std::int64_t>(std::ssize(prefix.blocks), computed / shared_tokens_);
  for (; prefix.shared < whole; ++prefix.shared)
    if (blocks_.hold(prefix.blocks[static_cast<std::size_t>(prefix.shared)]))
      used_ -= block_bytes();
}

void KvCache::free(std::int64_t tokens, KvPrefix& prefix) {
  used_ += block_bytes() * static_cast<double>(prefix.shared);
  while (prefix.shared > 0)
    if (const auto last = static_cast<std::size_t>(--prefix.shared);
        blocks_.drop(prefix.blocks[last]))
      used_ -= block_bytes();
  free(tokens);
}

std::int64_t KvCache::longest_request() const {
  std::int64_t fits = 0;
  for (std::int64_t step = std::int64_t{1} << 40; step > 0; step /= 2)
    if (need(fits + step) <= capacity_) fits += step;
  return fits;
}

}  // namespace moesim
