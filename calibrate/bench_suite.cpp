#include "calibrate/bench_suite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sim/core/error.hpp"
#include "sim/core/random.hpp"
#include "sim/core/suggest.hpp"

namespace moesim {

const std::vector<BenchOperation>& bench_suite() {
  static const std::vector<BenchOperation> suite = {{"memory_stream", "memory.csv"},
                                                    {"launch", "memory.csv"},
                                                    {"elementwise", "memory.csv"},
                                                    {"gemm", "gemm.csv"},
                                                    {"grouped_gemm", "experts.csv"},
                                                    {"router_topk", "experts.csv"},
                                                    {"permute", "experts.csv"},
                                                    {"attention_decode", "attention.csv"},
                                                    {"attention_decode_mla", "attention.csv"},
                                                    {"attention_prefill", "attention.csv"},
                                                    {"host_copy", "copy.csv"},
                                                    {"contention", "copy.csv"},
                                                    {"sustained", "copy.csv"},
                                                    {"collective", "collective.csv", true},
                                                    {"moe_layer", "layer.csv"}};
  return suite;
}

std::vector<BenchOperation> planned_operations(const std::vector<std::string>& only,
                                               std::uint64_t seed) {
  const auto& suite = bench_suite();
  for (const auto& name : only)
    if (std::ranges::find(suite, name, &BenchOperation::name) == suite.end()) {
      std::vector<std::string> valid;
      for (const auto& operation : suite) valid.push_back(operation.name);
      throw InputError(
          fmt::format("--only: unknown operation '{}'{}", name, did_you_mean(name, valid)));
    }
  auto order = suite;
  const RandomStream stream(seed, stream_id("benchmark order"));
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[stream.below(i, i)]);
  std::erase_if(order, [&](const BenchOperation& operation) {
    return !only.empty() && std::ranges::find(only, operation.name) == only.end();
  });
  return order;
}

}  // namespace moesim
