// What the measured servers were started with, as far as it is public: the settings of a serving
// measurement that its table does not have. InferenceMAX (now InferenceX) publishes its launch
// scripts: https://github.com/SemiAnalysisAI/InferenceX, benchmarks/*.sh, read 2026-11-22. The
// table's other source, aiconfigurator's own runs, is launched by its own generator.
#pragma once

#include <cstdint>
#include <string>

#include "sim/cli/serving_measurements.hpp"

namespace moesim {

struct LaunchSettings {
  /// Lengths are uniform between this share of the stated ones and those (RANDOM_RANGE_RATIO).
  double shortest_length = 1;
  std::string profile;                     ///< of the engine; empty: the table's backend
  std::string kernels;                     ///< library of the kernels; empty: the table's backend
  std::string kv_cache;                    ///< number format; empty: of the activations
  std::int64_t max_batched_tokens = 8192;  ///< vLLM, TensorRT-LLM; SGLang's chunked_prefill_size
  std::int64_t recv_interval = 1;          ///< SGLang's scheduler_recv_interval
  std::int64_t max_prefill_tokens = 0;     ///< SGLang's; 0: not read
  bool mixed_chunk = false;                ///< SGLang's enable_mixed_chunk
  bool chunked_prefill = false;            ///< TensorRT-LLM's enable_chunked_prefill
  std::int64_t batch_wait_steps = 0;       ///< TensorRT-LLM's batch_wait_timeout_iters
  double batch_wait_share = 0.9;           ///< batch_wait_max_tokens_ratio
  bool piecewise_graphs = false;           ///< enable_piecewise_cuda_graph
  std::int64_t balance_steps = 0;          ///< attention_dp_config: timeout_iters with balance
  std::int64_t stream_interval = 1;        ///< TensorRT-LLM's stream_interval
  bool stream_first = true;                ///< the first token is seen before a full interval
  bool stream_together = false;            ///< with the engine's steps, not each request's
  double utilization = 0;                  ///< share of GPU memory; 0: moesim's default
  double free_share = 0;                   ///< TensorRT-LLM's free_gpu_memory_fraction; 0: not read
};

/// Of InferenceMAX, by how the table names its sources.
bool is_inference_max(const ServingMeasurement& point);

/// `model` is moesim's name, `tensor` the tensor width of attention, `drafted` the tokens drafted
/// per step.
LaunchSettings launch_settings(const ServingMeasurement& point, const std::string& model,
                               std::int64_t tensor, std::int64_t concurrency, std::int64_t drafted);

/// Tokens drafted per step where scripts exist with and without multi-token prediction and the
/// table does not say which one ran; else 0.
std::int64_t may_draft(const ServingMeasurement& point, const std::string& model,
                       std::int64_t tensor);
/// LaunchSettings::kernels of a disaggregated row, by the attention of its decode workers (recipes
/// of published_launches.hpp: moe_config.backend TRTLLM for FP8 on B200, DEEPGEMM where attention
/// is data-parallel).
std::string pool_kernels(const ServingMeasurement& point, bool data);
/// Tokens that a step gives on average when `drafted` are verified.
double acceptance_length(std::int64_t drafted);

}  // namespace moesim
