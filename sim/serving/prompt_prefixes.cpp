#include "sim/serving/prompt_prefixes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace moesim {
namespace {

void check_together(const ServingScenario& scenario, const MemoryPlan& memory,
                    const Location& where) {
  const auto refuse = [&](bool both, const char* what) {
    if (both)
      throw InputError(where, fmt::format("engine.prefix_caching with {} is not simulated: leave "
                                          "one of them out",
                                          what));
  };
  refuse(scenario.engine.swap_bandwidth.has_value(), "engine.swap_bandwidth");
  refuse(scenario.composition.has_value(), "composition");
  refuse(memory.kv_window_per_token > Bytes(0), "a model that has layers with a window");
}

// Mooncake's lines have an id for a rest, too: ceil(input / block). Others leave it out.
void check_ids(const std::vector<TraceRequest>& trace, std::int64_t block, const std::string& file,
               const Location& where) {
  for (const auto& row : trace) {
    if (row.line == 0)
      throw InputError(where, fmt::format("engine.prefix_caching needs to know which prompts begin "
                                          "alike, and {} does not say it (no hash_ids; Mooncake's "
                                          "JSON lines have them)",
                                          file));
    const auto whole = row.input / block, ids = std::ssize(row.blocks);
    if (ids == whole || ids == (row.input + block - 1) / block) continue;
    throw InputError({file, row.line, row.column},
                     fmt::format("hash_ids: {} for a prompt of {} tokens, which has {} whole "
                                 "blocks of {}; did you mean another workload.hash_block?",
                                 ids, row.input, whole, block));
  }
}

}  // namespace

PromptPrefixes::PromptPrefixes(const ServingScenario& scenario, const MemoryPlan& memory,
                               const std::vector<TraceRequest>& trace, const Location& where) {
  check_together(scenario, memory, where);
  const auto& workload = scenario.workload;
  const auto page = scenario.engine.block_size;
  if (!trace.empty()) {
    block_tokens_ = workload.hash_block.value_or(kMooncakeBlock);
    if (block_tokens_ % page != 0)
      throw InputError(where, fmt::format("engine.prefix_caching: blocks of {} tokens in the trace "
                                          "are no multiple of engine.block_size {}",
                                          block_tokens_, page));
    check_ids(trace, block_tokens_, workload.trace->path, where);
    trace_ = &trace;
    return;
  }
  if (!workload.shared_prefix)
    throw InputError(where,
                     "engine.prefix_caching needs to know which prompts begin alike: a trace with "
                     "hash_ids, or workload.shared_prefix");
  block_tokens_ = page;
  common_.resize(static_cast<std::size_t>(*workload.shared_prefix / page));
  std::iota(common_.begin(), common_.end(), 0);
}

std::span<const std::int64_t> PromptPrefixes::of(std::int64_t request, std::int64_t input) const {
  if (block_tokens_ == 0) return {};
  const std::span<const std::int64_t> all =
      trace_ != nullptr ? (*trace_)[static_cast<std::size_t>(request)].blocks : common_;
  return all.first(std::min(all.size(), static_cast<std::size_t>(input / block_tokens_)));
}

}  // namespace moesim
