#include "sim/cli/launch_settings.hpp"

#include <algorithm>

namespace moesim {
namespace {

/// Share of DeepSeek-R1's drafted tokens that is accepted after an accepted one. On 30 points of
/// the fit half of the serving measurements the median TPOT error is 7.0 % at 0.5, 7.3 % at
/// 0.6, 7.0 % at 0.68 and 14.3 % at 0.76 (2026-11-22): the middle of what they allow.
constexpr double kAcceptanceRate = 0.6;

// max-num-batched-tokens: 8192 in every script; kv-cache-dtype: fp8 but for gpt-oss on Hopper.
void vllm(const ServingMeasurement& point, const std::string& model, LaunchSettings& settings) {
  const bool hopper = point.system != "b200_sxm";
  if (model != "gpt-oss-120b" || !hopper) settings.kv_cache = "fp8";
}

/// A DeepSeek-R1 row of TensorRT-LLM: what its scripts (benchmarks/single_node/dsr1_*_trt*.sh, read
/// 2026-11-23) look at.
struct DeepSeekLaunch {
  const ServingMeasurement& point;
  std::int64_t concurrency, drafted;
  bool data;                ///< attention data parallelism
  std::int64_t tensor = 1;  ///< width of attention otherwise
  /// 1.2 has scripts of its own; of those before, only what all have in common is taken.
  bool from_1_2_on() const { return point.version.starts_with("1.2"); }
  bool on_b200(const char* precision) const {
    return point.system == "b200_sxm" && point.precision == precision;
  }
  bool lengths(std::int64_t input, std::int64_t output) const {
    return point.input_tokens == input && point.output_tokens == output;
  }
};

// --max_num_tokens: a prompt beside all decodes, at least 8192 without drafted tokens; with
// attention data parallelism the scripts with drafted tokens count the requests of a data rank.
std::int64_t token_budget(const DeepSeekLaunch& launch) {
  const auto& [point, concurrency, drafted, data, tensor] = launch;
  auto rows = concurrency;
  if (launch.from_1_2_on() && drafted > 0) {
    const std::int64_t ranks = !data ? 1 : launch.on_b200("fp4") ? 4 : 8;
    rows = (drafted + 1) * std::max<std::int64_t>(1, concurrency / ranks);
  }
  const auto budget = (rows + point.input_tokens + 64 + 63) / 64 * 64;
  return launch.from_1_2_on() && drafted > 0 ? budget : std::max<std::int64_t>(8192, budget);
}

// PIECEWISE_CUDA_GRAPHS of the scripts for B200 (dsr1_fp8_b200_trt.sh, dsr1_fp4_b200_trt.sh and the
// same with _mtp).
bool piecewise_graphs(const DeepSeekLaunch& launch, std::int64_t expert) {
  const auto c = launch.concurrency;
  const bool short_both = launch.lengths(1024, 1024), long_output = launch.lengths(1024, 8192);
  if (launch.on_b200("fp8") && launch.drafted > 0)
    return !launch.data && c > (short_both ? 4 : long_output ? 8 : 16);
  if (launch.on_b200("fp8")) return c >= (long_output ? 128 : 64) && !(long_output && c >= 256);
  if (!launch.on_b200("fp4")) return false;
  if (launch.drafted == 0) return short_both && !launch.data && expert == 8;
  return short_both ? c == 32 || c == 64 || (c == 128 && !launch.data) : long_output && c == 64;
}

// moe_config.backend for FP8 on B200: TRTLLM, with attention data parallelism and for 1024/8192
// from 256 requests in flight on DEEPGEMM, as before 1.2.
bool trtllm_moe(const DeepSeekLaunch& launch) {
  return launch.on_b200("fp8") && !launch.data &&
         !(launch.lengths(1024, 8192) && launch.concurrency >= 256);
}

// KV_CACHE_FREE_MEM_FRACTION of dsr1_fp8_b200_trt.sh. On four GPUs weights take 156 of 179 GiB
// each: with the share of the whole memory that other engines set, eight requests would not fit.
double free_share(const DeepSeekLaunch& launch) {
  if (!launch.on_b200("fp8") || launch.drafted > 0) return 0;
  if (launch.lengths(1024, 8192) && launch.concurrency >= 256) return 0.7;
  return launch.lengths(8192, 1024) && launch.tensor == 4 ? 0.75 : 0.8;
}

/// TensorRT-LLM's table has DEEPGEMM's FP8 kernels alone, SGLang's those of TRTLLM
/// (flashinfer_trtllm).
constexpr const char* kTrtllmKernels = "sglang";

// stream_interval 10, and with attention data parallelism attention_dp_config {enable_balance:
// true, timeout_iters: 60}. Before 1.2 the client sees the first token only with the tenth: on 33
// points of the fit half TTFT exceeds the prompt's step by 0.4 to 2.2 times nine steps in 1.1 and
// where no version is recorded, by 0.05 to 0.7 times in 1.2 (2026-11-22). FP8 on B200, 1024/1024
// from 64 requests in flight on: batch_wait_timeout_iters 40, batch_wait_max_tokens_ratio 0.8.
void deepseek(const DeepSeekLaunch& launch, std::int64_t expert, LaunchSettings& settings) {
  settings.max_batched_tokens = token_budget(launch);
  settings.balance_steps = 60;
  settings.stream_interval = 10;
  settings.stream_first = launch.from_1_2_on();
  if (!launch.from_1_2_on()) return;
  settings.stream_together = true;
  settings.piecewise_graphs = piecewise_graphs(launch, expert);
  settings.free_share = free_share(launch);
  if (trtllm_moe(launch)) settings.kernels = kTrtllmKernels;
  if (launch.on_b200("fp8") && launch.drafted == 0 && launch.lengths(1024, 1024) &&
      launch.concurrency >= 64) {
    settings.batch_wait_steps = 40;
    settings.batch_wait_share = 0.8;
  }
}

// kv_cache_config.dtype: fp8 but for gpt-oss on Hopper; --max_num_tokens: 20000 for gpt-oss, the
// longest sequence for Llama 3.1 70B (there, 1024/1024 on fewer than eight GPUs,
// batch_wait_timeout_iters 20 and batch_wait_max_tokens_ratio 0.9); gpt-oss: stream_interval 20,
// and on Hopper moe_config.backend TRITON (gptoss_fp4_h200_trt.sh).
void trtllm(const ServingMeasurement& point, const std::string& model, std::int64_t tensor,
            std::int64_t concurrency, std::int64_t drafted, LaunchSettings& settings) {
  if (model != "gpt-oss-120b" || point.system == "b200_sxm") settings.kv_cache = "fp8";
  const auto sum = point.input_tokens + point.output_tokens;
  if (model == "deepseek-r1")
    return deepseek({point, concurrency, drafted, tensor == 1, tensor}, point.moe_expert, settings);
  if (model == "gpt-oss-120b") {
    if (point.system != "b200_sxm") settings.profile = "trtllm-triton";
    settings.max_batched_tokens = 20000;
    settings.stream_interval = 20;
  } else if (model == "llama-3.1-70b") {
    settings.max_batched_tokens = sum + (sum <= 2048 ? 20 : 200);
    if (sum <= 2048 && tensor < 8) settings.batch_wait_steps = 20;
  }
}

// DeepSeek-R1 only. H200: --chunked-prefill-size 32768, KV in the activations' format. B200: fp8,
// FP4 weights 16384, FP8 weights 32768 on eight GPUs and 8192 with --mem-fraction-static 0.95 on
// four; --scheduler-recv-interval 10, from 16 requests in flight 30 (but on four GPUs).
void sglang(const ServingMeasurement& point, std::int64_t tensor, std::int64_t concurrency,
            LaunchSettings& settings) {
  settings.max_batched_tokens = 32768;
  if (point.system != "b200_sxm") return;
  settings.kv_cache = "fp8";
  settings.recv_interval = concurrency >= 16 ? 30 : 10;
  if (point.precision == "fp4") {
    settings.max_batched_tokens = 16384;
  } else if (tensor == 4) {
    settings.max_batched_tokens = 8192;
    settings.recv_interval = 10;
    settings.utilization = 0.95;
  }
}

/// aiconfigurator's own runs are launched by its generator, whose rules are public
/// (https://github.com/ai-dynamo/aiconfigurator, src/aiconfigurator/generator/rule_plugin, read
/// 2026-11-23): max_num_tokens is the batch, a prompt and 1500, SGLang has enable_mixed_chunk and a
/// prompt and 1500 as max_prefill_tokens. Rows of SGLang 0.5.1 have other lengths and concurrencies
/// than its runs, and its template for that version does not pass mixed chunks: with the engine's
/// defaults their median TTFT error is 16 % on the fit half, with max_prefill_tokens 22 %.
/// The version of vLLM 0.12's template that was read does not pass max_num_tokens on; on the fit
/// half Qwen3-32B says that the runs had it (15 % against 20 % at 2048), Qwen3-235B on H200 that
/// they had not (50 against 46 %).
/// Qwen3-32B's KV cache is FP8 in TensorRT-LLM: with BF16 the requests that were in flight together
/// would not fit.
void own_runs(const ServingMeasurement& point, LaunchSettings& settings) {
  const auto prompt = point.input_tokens + 1500;
  if (point.backend == "sglang") {
    if (point.version.starts_with("0.5.1")) return;
    settings.max_prefill_tokens = prompt;
    settings.mixed_chunk = true;
    return;
  }
  settings.max_batched_tokens = point.batch + prompt;
  if (point.backend == "vllm") settings.profile = "vllm-synchronous";
  if (point.backend == "trtllm" && point.gemm_format == "fp8") settings.kv_cache = "fp8";
}

}  // namespace

bool is_inference_max(const ServingMeasurement& point) {
  return point.source.starts_with("db-dump") || point.source.starts_with("source_file=20");
}

LaunchSettings launch_settings(const ServingMeasurement& point, const std::string& model,
                               std::int64_t tensor, std::int64_t concurrency,
                               std::int64_t drafted) {
  LaunchSettings settings;
  if (!is_inference_max(point)) {
    if (point.mode != "disagg") own_runs(point, settings);
    return settings;
  }
  settings.shortest_length = 0.8;
  if (point.backend == "vllm") vllm(point, model, settings);
  if (point.backend == "trtllm") trtllm(point, model, tensor, concurrency, drafted, settings);
  if (point.backend == "sglang") sglang(point, tensor, concurrency, settings);
  if (point.mode != "disagg") return settings;
  LaunchSettings common;  // other scripts; of those only what all have in common is taken
  common.shortest_length = settings.shortest_length;
  common.kv_cache = settings.kv_cache;
  return common;
}

// TensorRT-LLM: num_nextn_predict_layers 3, with attention data parallelism 1 (disaggregated: by
// recipe). SGLang: --speculative-num-draft-tokens 3, the token that is certain among them; its
// scripts with speculation are for eight GPUs.
std::int64_t may_draft(const ServingMeasurement& point, const std::string& model,
                       std::int64_t tensor) {
  if (!is_inference_max(point) || model != "deepseek-r1") return 0;
  if (point.backend == "trtllm") return point.mode != "disagg" && tensor == 1 ? 1 : 3;
  return point.backend == "sglang" && tensor == 8 ? 2 : 0;
}

std::string pool_kernels(const ServingMeasurement& point, bool data) {
  if (point.backend != "trtllm") return "";
  return trtllm_moe({point, 0, 0, data}) ? kTrtllmKernels : "";
}

double acceptance_length(std::int64_t drafted) {
  double length = 1, chain = 1;
  for (std::int64_t i = 0; i < drafted; ++i) length += chain *= kAcceptanceRate;
  return length;
}

}  // namespace moesim
