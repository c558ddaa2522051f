// Which published launch a measured row comes from.
#include <algorithm>
#include <vector>

#include "sim/cli/published_launches.hpp"

namespace moesim {
namespace {

using Pool = ServingMeasurement::Pool;
using Candidates = std::vector<const PublishedLaunch*>;

std::int64_t gpus_of(const Pool& pool) {
  return pool.tensor * std::max<std::int64_t>(1, pool.attention_data);
}

/// Where the table has the number of workers, it has their attention widths too.
bool agrees(const Pool& pool, const PublishedWorkers& workers) {
  if (gpus_of(pool) != workers.gpus) return false;
  if (pool.workers == 0) return true;
  return pool.workers == workers.workers && (pool.attention_data > 1) == workers.data;
}

Candidates candidates(const ServingMeasurement& point, std::int64_t concurrency) {
  Candidates found;
  for (const auto& launch : published_launches(point.system, point.precision, point.backend))
    if (launch.input == point.input_tokens && launch.output == point.output_tokens &&
        std::ranges::find(launch.concurrency, concurrency) != launch.concurrency.end() &&
        agrees(point.prefill, launch.prefill) && agrees(point.decode, launch.decode))
      found.push_back(&launch);
  Candidates same;
  std::ranges::copy_if(found, std::back_inserter(same), [&](const auto* launch) {
    return launch->prefill.expert == point.prefill.moe_expert;
  });
  return same.empty() ? found : same;
}

}  // namespace

LaunchChoice published_launch(const ServingMeasurement& point, std::int64_t concurrency) {
  LaunchChoice choice;
  const auto found = candidates(point, concurrency);
  if (found.empty()) choice.left_out = "disaggregated: no published launch of these workers";
  for (const auto* launch : found) {
    auto& one = launch->drafted > 0 ? choice.drafting : choice.plain;
    if (one != nullptr)
      return {"disaggregated: several published launches of this concurrency", nullptr, nullptr};
    one = launch;
  }
  return choice;
}

}  // namespace moesim
