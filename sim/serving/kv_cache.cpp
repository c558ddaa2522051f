#include "sim/serving/kv_cache.hpp"

#include <algorithm>

#include "sim/core/error.hpp"

namespace moesim {

Bytes KvCache::need(std::int64_t tokens) const {
  const auto blocks = [&](std::int64_t n) {
    return static_cast<double>((n + shape_.block - 1) / shape_.block * shape_.block);
  };
  return shape_.full_per_token * blocks(tokens) +
         shape_.window_per_token * blocks(std::min(tokens, shape_.window));
}

bool KvCache::grow(std::int64_t from, std::int64_t to) {
  const Bytes more = need(to) - need(from);
  if (used_ + more > capacity_) return false;
  used_ += more;
  return true;
}

void KvCache::free(std::int64_t tokens) {
  used_ -= need(tokens);
  if (used_.value < -0.5) throw SimulationError("KV memory freed twice");
}

std::int64_t KvCache::longest_request() const {
  std::int64_t fits = 0;
  for (std::int64_t step = std::int64_t{1} << 40; step > 0; step /= 2)
    if (need(fits + step) <= capacity_) fits += step;
  return fits;
}

}  // namespace moesim
