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
  return "";
}

MeasuredWidths widths_of(const Pool& pool, bool moe) {
  return {pool.tensor, data_of(pool), moe ? pool.moe_expert : 1, moe ? pool.moe_tensor : 1};
}

std::int64_t nodes_of(const Pool& pool, std::int64_t node_gpus) {
  return (pool.workers * pool.tensor * data_of(pool) + node_gpus - 1) / node_gpus;
}

MeasuredPools pools_of(const Pool& prefill, const Pool& decode, bool moe, std::int64_t node_gpus,
                       const PoolEngines& engines) {
  for (const auto* pool : {&prefill, &decode})
    if (auto why = why_not(*pool, moe); !why.empty()) return {std::move(why), "", false, 0};
  const auto prefill_widths = widths_of(prefill, moe), decode_widths = widths_of(decode, moe);
  return {"",
          fmt::format("disaggregation: {{prefill: {{workers: {}, parallel: {}, engine: {{{}}}}}, "
                      "decode: {{workers: {}, parallel: {}, engine: {{{}}}}}{}}}\n",
                      prefill.workers, parallel_text(prefill_widths), engines.prefill,
                      decode.workers, parallel_text(decode_widths), engines.decode,
                      engines.overlap ? "" : ", transfer: {overlap: false}"),
          exchanges(prefill_widths) || exchanges(decode_widths),
          nodes_of(prefill, node_gpus) + nodes_of(decode, node_gpus)};
}

Pool pool_of(const PublishedWorkers& published) {
  Pool pool;
  pool.workers = published.workers, pool.pipeline = 1;
  pool.tensor = published.data ? 1 : published.gpus;
  pool.attention_data = published.data ? published.gpus : 1;
  pool.moe_expert = published.expert, pool.moe_tensor = published.gpus / published.expert;
  return pool;
}

}  // namespace

bool exchanges(const MeasuredWidths& widths) {
  return widths.data > 1 && widths.expert * widths.moe_tensor > 1;
}

std::string parallel_text(const MeasuredWidths& widths) {
  return fmt::format(
      "{{tensor: {}, data: {}, expert: {}{}}}", widths.tensor, widths.data, widths.expert,
      widths.data > 1 && widths.moe_tensor > 1 ? fmt::format(", moe_tensor: {}", widths.moe_tensor)
                                               : "");
}

MeasuredPools recorded_pools(const ServingMeasurement& point, bool moe, std::int64_t node_gpus,
                             std::int64_t concurrency, const PoolEngines& engines) {
  const auto& decode = point.decode;
  auto pools = pools_of(point.prefill, decode, moe, node_gpus, engines);
  if (pools.left_out.empty() && decode.batch * decode.workers * data_of(decode) != concurrency)
    pools.left_out =
        "batch size and concurrency disagree (replicas that the table does not describe)";
  return pools;
}

MeasuredPools published_pools(const PublishedLaunch& launch, std::int64_t node_gpus,
                              const PoolEngines& engines) {
  return pools_of(pool_of(launch.prefill), pool_of(launch.decode), true, node_gpus, engines);
}

}  // namespace moesim
