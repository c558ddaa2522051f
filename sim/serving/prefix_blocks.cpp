#include "sim/serving/prefix_blocks.hpp"

#include "sim/core/error.hpp"

namespace moesim {

std::int64_t PrefixBlocks::find(std::span<const std::int64_t> blocks) const {
  std::int64_t found = 0;
  while (found < std::ssize(blocks) && contains(blocks[static_cast<std::size_t>(found)])) ++found;
  return found;
}

bool PrefixBlocks::hold(std::int64_t block) {
  const auto [place, added] = entries_.try_emplace(block);
  auto& entry = place->second;
  if (!added && entry.holders == 0) unused_.erase(entry.dropped);
  return entry.holders++ > 0;
}

bool PrefixBlocks::drop(std::int64_t block) {
  const auto place = entries_.find(block);
  if (place == entries_.end() || place->second.holders == 0)
    throw SimulationError("a shared block of KV memory was dropped twice");
  auto& entry = place->second;
  if (--entry.holders > 0) return false;
  entry.dropped = drops_++;
  unused_.emplace(entry.dropped, block);
  return true;
}

void PrefixBlocks::evict() {
  const auto oldest = unused_.begin();
  if (oldest == unused_.end()) throw SimulationError("no block of KV memory to give up");
  entries_.erase(oldest->second);
  unused_.erase(oldest);
}

}  // namespace moesim
