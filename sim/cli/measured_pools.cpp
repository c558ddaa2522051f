#include "sim/cli/measured_pools.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace moesim {
namespace {

using Pool = ServingMeasurement::Pool;

std::int64_t data_of(const Pool& pool) { return std::max<std::int64_t>(1, pool.attention_data); }

std::string why_not(const Pool& pool, bool moe) {
  if (pool.workers < 1) return "disaggregated: number of workers not recorded";
  if (pool.pipeline != 1) return "disaggregated: pipeline width ambiguous";
  const auto gpus = pool.tensor * data_of(pool);
  if (gpus < 1) return "disaggregated: no widths recorded";
  if (!moe) return "";
  if (gpus != pool.moe_tensor * pool.moe_expert)
    return "disaggregated: attention and experts have different widths";
  if (data_of(pool) > 1 && pool.moe_tensor != 1)
    return "not expressible: tensor-parallel experts under data-parallel attention";
  return "";
}

std::string parallel_of(const Pool& pool, bool moe) {
  return fmt::format("{{tensor: {}, data: {}, expert: {}}}", pool.tensor, data_of(pool),
                     moe ? pool.moe_expert : 1);
}

std::int64_t nodes_of(const Pool& pool, std::int64_t node_gpus) {
  return (pool.workers * pool.tensor * data_of(pool) + node_gpus - 1) / node_gpus;
}

}  // namespace

MeasuredPools measured_pools(const ServingMeasurement& point, bool moe, std::int64_t node_gpus,
                             std::int64_t seats) {
  const auto &prefill = point.prefill, &decode = point.decode;
  for (const auto* pool : {&prefill, &decode})
    if (auto why = why_not(*pool, moe); !why.empty()) return {std::move(why), "", 0, 0};
  // Tokens per prefill step and the seats there are not recorded: the engine's defaults stand.
  return {
      "",
      fmt::format("disaggregation: {{prefill: {{workers: {}, parallel: {}}}, decode: {{workers: "
                  "{}, parallel: {}, engine: {{max_sequences: {}}}}}}}\n",
                  prefill.workers, parallel_of(prefill, moe), decode.workers,
                  parallel_of(decode, moe), seats),
      nodes_of(prefill, node_gpus) + nodes_of(decode, node_gpus),
      decode.batch * decode.workers * data_of(decode)};
}

}  // namespace moesim
