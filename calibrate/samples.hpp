// Measured kernel times in the terms of the cost model, whichever table they came from: what was
// done, and how long it took. One sample is one row of a table. The importers make them, the fits
// and checks use them. Times in seconds; `row` is the line of the table, for messages.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/cost/cost_model.hpp"

namespace moesim {

/// How the weights of a GEMM are quantised and multiplied, as tables name it: "bfloat16",
/// "fp8_block", "nvfp4", "w4a16_mxfp4".
struct KernelFormat {
  Dtype weight = Dtype::bf16;
  std::string scheme;  ///< of the table
  std::string kernel;  ///< implementation inside the library; empty when the table names none
  auto operator<=>(const KernelFormat&) const = default;
};

/// What is multiplied with weights of this format: all tables have bf16 activations, but for those
/// of a CPU, which has fp32 throughout.
inline Dtype activation_of(Dtype weight) {
  return weight == Dtype::fp32 ? Dtype::fp32 : Dtype::bf16;
}

struct GemmSample {
  KernelFormat format;
  std::int64_t m = 0, n = 0, k = 0;
  double time_s = 0;
  int row = 0;

  Gemm gemm() const { return {m, n, k, format.weight, activation_of(format.weight)}; }
};

/// The routed experts of one MoE layer, timed on the rank with the highest load.
struct ExpertsSample {
  KernelFormat format;
  std::int64_t hidden = 0, intermediate = 0;  ///< intermediate of one tensor rank
  std::int64_t experts = 0, topk = 0;         ///< of the model
  std::int64_t tensor = 1, expert_parallel = 1;
  bool gated = true;
  std::int64_t tokens = 0;                      ///< entering the expert-parallel group
  std::string distribution;                     ///< "balanced", "power_law_1.2"
  std::vector<std::int32_t> tokens_per_expert;  ///< of the local experts of the timed rank
  double time_s = 0;
  int row = 0;

  ExpertWork work() const;
  bool balanced() const { return distribution == "balanced"; }
};

struct AttentionSample {
  std::string kernel;
  Dtype math = Dtype::bf16;  ///< of queries and products
  AttentionShape shape;
  std::int64_t window = 0;
  bool decode = false;
  std::int64_t batch = 0;
  std::int64_t length = 0;   ///< decode: tokens in the cache; prefill: new tokens of a sequence
  std::int64_t context = 0;  ///< prefill: tokens of each sequence that were cached before
  double time_s = 0;
  int row = 0;

  AttentionLoad load() const;
};

/// A kernel that only moves bytes.
struct ElementwiseSample {
  std::string kernel;
  double bytes = 0;
  double time_s = 0;
  int row = 0;
};

/// What one table gave, and what was left out of it and why.
template <class Sample>
struct Imported {
  std::vector<Sample> samples;
  std::map<std::string, std::int64_t> left_out;  ///< reason -> rows
};

}  // namespace moesim
