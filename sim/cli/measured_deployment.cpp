#include "sim/cli/measured_deployment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <regex>

#include "sim/cli/measured_pools.hpp"
#include "sim/serving/engine_profile.hpp"

namespace moesim {
namespace {

constexpr std::int64_t kNodeGpus = 8;

/// Keys and values of DeepSeek-R1 are 35 kB per token: some GB/s beside the 400 GB/s of a node's
/// adapters, so that transfers hardly meet, and flows would cost most of a simulation's time. With
/// 4,916 requests on workers of two nodes: TPOT 0.4 % shorter, TTFT 1.7 % longer than with flows,
/// 11 instead of 46 CPU seconds (2026-11-22).
constexpr const char* kPoolNetwork = "fidelity: analytic";

/// How tokens get from data ranks to experts: all of them to all ranks. TensorRT-LLM takes an
/// all-to-all only where experts lie on more ranks than a token has experts (moe_ep_size <= top_k
/// in select_alltoall_method_type of tensorrt_llm/_torch/modules/fused_moe, 1.0 to 1.2) or where it
/// is forced to, as the H100 recipes do (TRTLLM_FORCE_ALLTOALL_METHOD: DeepEP); SGLang with a
/// --moe-a2a-backend, which no recipe sets; vLLM's default is allgather_reducescatter. TensorRT-LLM
/// gathers NVFP4 as quantised, others 16 bits. All read 2026-11-23.
std::string exchange_text(const ServingMeasurement& point, const std::string& model) {
  const bool trtllm = point.backend == "trtllm";
  if (trtllm && point.mode == "disagg" && point.system == "h100_sxm") return "";
  const bool quantised = trtllm && model == "deepseek-r1" && point.moe_format == "nvfp4";
  return fmt::format("dispatch: allgather-reducescatter, dispatch_dtype: {}",
                     quantised ? "nvfp4" : "bf16");
}

/// The widths that an id ends with: `_tp8_ep1_20`, `_tp8_0_ep8_0_248`, `_tp4_epnone_1`. Expert 0:
/// not said.
std::optional<MeasuredWidths> widths_in_id(const std::string& id) {
  static const std::regex form("_tp(\\d+)(?:_0)?_ep(\\d+|none)(?:_0)?_\\d+$");
  std::smatch match;
  if (!std::regex_search(id, match, form)) return std::nullopt;
  return MeasuredWidths{std::stoll(match[1]), 1, match[2] == "none" ? 0 : std::stoll(match[2]), 1};
}

/// InferenceMAX has one width `tp` and one `ep`, tensor- or (dp_attn) data-parallel attention.
/// Where both are above 1, part of its rows were recorded with tp x ep as attention's width, tp as
/// the experts' tensor and ep as their expert width, e.g. 64, 8, 8 for eight GPUs: so say the ids
/// of all 85 such rows that name widths, and 12 of them are measurements that the table lists under
/// another id with widths that multiply.
bool recorded_as_product(const MeasuredWidths& widths) {
  return widths.moe_tensor > 1 && widths.expert > 1 &&
         widths.tensor * widths.data == widths.moe_tensor * widths.expert &&
         (widths.tensor == 1 || widths.data == 1);
}

/// Writes the widths, or returns why they cannot be known.
std::string read_widths(const ServingMeasurement& point, bool moe, MeasuredWidths& widths) {
  const auto id = widths_in_id(point.id);
  widths = {point.tensor, std::max<std::int64_t>(1, point.attention_data),
            moe ? point.moe_expert : 1, moe ? point.moe_tensor : 1};
  const bool told = id && id->expert > 0;
  if (moe && is_inference_max(point) && recorded_as_product(widths)) {
    const auto tensor = widths.moe_tensor, expert = widths.expert;
    if (told && (id->tensor != tensor || id->expert != expert))
      return "GPU count ambiguous: the columns and the id disagree";
    const bool data = widths.data > 1;
    widths = {data ? 1 : tensor, data ? tensor : 1, expert,
              std::max<std::int64_t>(1, tensor / expert)};
  }
  // Without expert parallelism vLLM splits experts over the ranks of all data ranks
  // (FusedMoEParallelConfig: flatten_tp_across_dp), which is how they can be wider than attention.
  if (moe && point.backend == "vllm" && widths.data == 1 && widths.expert <= 1 &&
      widths.moe_tensor > widths.tensor && widths.moe_tensor % widths.tensor == 0)
    widths.data = widths.moe_tensor / widths.tensor;
  const auto gpus = widths.tensor * widths.data;
  if (id && (told ? gpus : widths.tensor) != id->tensor)
    return "GPU count ambiguous: the columns and the id disagree";
  if (moe && gpus != widths.moe_tensor * widths.expert)
    return "GPU count ambiguous: attention and experts have different widths";
  if (gpus < 1 || gpus > kNodeGpus) return "more GPUs than one node has";
  return "";
}

/// Every measurement of a ledger is simulated: eight of 58 MoE layers give the same means (the
/// README's accuracy section says how far apart).
constexpr int kDrawnLayers = 8;

std::string engine_text(const ServingMeasurement& point, const LaunchSettings& settings,
                        std::int64_t sequences, std::int64_t drafted) {
  auto text = fmt::format("max_sequences: {}, max_batched_tokens: {}, drawn_layers: {}", sequences,
                          settings.max_batched_tokens, kDrawnLayers);
  const auto names = engine_profile_names();
  const auto& profile = settings.profile.empty() ? point.backend : settings.profile;
  if (std::ranges::find(names, profile) != names.end()) text += ", profile: " + profile;
  if (point.backend == "sglang")
    text += fmt::format(
        ", scheduler: {{type: sglang, recv_interval: {}, max_prefill_tokens: {}, mixed_chunk: {}}}",
        settings.recv_interval, settings.max_prefill_tokens, settings.mixed_chunk);
  if (drafted > 0)
    text += fmt::format(", speculation: {{tokens: {}, acceptance_length: {:.3f}}}", drafted,
                        acceptance_length(drafted));
  if (point.backend == "trtllm")
    text += fmt::format(
        ", scheduler: {{type: trtllm, chunked_prefill: {}, batch_wait_steps: {}, "
        "batch_wait_share: {}, balance_steps: {}}}",
        settings.chunked_prefill, settings.batch_wait_steps, settings.batch_wait_share,
        settings.balance_steps);
  if (settings.piecewise_graphs) text += ", piecewise_graphs: true";
  if (settings.stream_interval > 1)
    text += fmt::format(", stream_interval: {}, stream_first: {}", settings.stream_interval,
                        settings.stream_first);
  if (settings.stream_together) text += ", stream_together: true";
  if (settings.utilization > 0)
    text += fmt::format(", memory: {{utilization: {}}}", settings.utilization);
  if (settings.free_share > 0)
    text += fmt::format(", memory: {{free_share: {}}}", settings.free_share);
  return text;
}

/// Dynamo's frontend sends requests to the workers in turn unless told otherwise (--router-mode,
/// https://docs.nvidia.com/dynamo, "Router Guide"); within a worker TensorRT-LLM prefers the data
/// rank with the least load, while SGLang's recipes set load-balance-method: round_robin. The front
/// end takes requests in side by side: 242 requests/s pass it in the row with 4,968 in flight
/// (4,968 / (TTFT 4.42 s + 921 x TPOT 17.5 ms)), where the 8 or 15 ms of an engine's own server,
/// one request after the other, would let 125 or 67 pass.
std::string pool_engine(const ServingMeasurement& point, LaunchSettings settings,
                        const PublishedWorkers& workers, std::int64_t concurrency,
                        std::int64_t drafted) {
  if (workers.tokens > 0) settings.max_batched_tokens = workers.tokens;
  const bool in_turn = point.backend != "trtllm" || !workers.data;
  return engine_text(point, settings, workers.seats > 0 ? workers.seats : concurrency, drafted) +
         ", request_time: 0 s" + (in_turn ? ", request_router: round-robin" : "");
}

/// TensorRT-LLM's recipes: prefill workers have disable_overlap_scheduler: true, and on H100 all
/// workers TRTLLM_DISABLE_KV_CACHE_TRANSFER_OVERLAP=1.
PoolEngines pool_engines(const ServingMeasurement& point, const LaunchSettings& settings,
                         const PublishedLaunch& launch, std::int64_t concurrency) {
  PoolEngines engines{pool_engine(point, settings, launch.prefill, concurrency, 0),
                      pool_engine(point, settings, launch.decode, concurrency, launch.drafted)};
  if (point.backend != "trtllm") return engines;
  engines.prefill += ", asynchronous_scheduling: false";
  engines.overlap = point.system != "h100_sxm";
  return engines;
}

/// Every deployment that the row may come from as published, or as recorded where none is.
std::vector<MeasuredDeployment> disaggregated(const ServingMeasurement& point,
                                              const std::string& model, bool moe,
                                              std::int64_t concurrency) {
  const auto settings = launch_settings(point, model, 1, concurrency, 0);
  const auto engine = [&](std::int64_t drafted) {
    return engine_text(point, settings, concurrency, drafted);
  };
  std::vector<MeasuredDeployment> all;
  const auto add = [&](MeasuredPools pools, std::int64_t drafted, bool data) {
    auto own = settings;
    own.kernels = pool_kernels(point, data);
    std::string network = kPoolNetwork;
    if (const auto exchange = exchange_text(point, model); pools.exchanges && !exchange.empty())
      network += ", " + exchange;
    all.push_back({std::move(pools.left_out), std::move(pools.section), std::move(network),
                   engine(drafted), pools.nodes, std::move(own)});
  };
  const auto choice = published_launch(point, concurrency);
  for (const auto* launch : {choice.plain, choice.drafting})
    if (launch != nullptr)
      add(published_pools(*launch, kNodeGpus, pool_engines(point, settings, *launch, concurrency)),
          launch->drafted, launch->decode.data);
  if (!all.empty()) return all;
  if (point.prefill.workers < 1 && !choice.left_out.empty())
    return {{choice.left_out, "", "", "", 0, settings}};
  const auto may = may_draft(point, model, point.decode.tensor);
  for (const auto drafted : {std::int64_t{0}, may})
    if (drafted > 0 || all.empty())
      add(recorded_pools(point, moe, kNodeGpus, concurrency, {engine(0), engine(drafted)}), drafted,
          point.decode.attention_data > 1);
  return all;
}

}  // namespace

std::vector<MeasuredDeployment> measured_deployments(const ServingMeasurement& point,
                                                     const std::string& model, bool moe,
                                                     std::int64_t concurrency) {
  if (point.mode == "disagg") return disaggregated(point, model, moe, concurrency);
  MeasuredWidths widths;
  auto why = read_widths(point, moe, widths);
  const auto recorded_data = std::max<std::int64_t>(1, point.attention_data);
  if (why.empty() && point.batch * recorded_data != concurrency && point.batch != concurrency)
    why = "batch size and concurrency disagree (replicas that the table does not describe)";
  const auto layout = "parallel: " + parallel_text(widths) + "\n";
  const auto network = exchanges(widths) ? exchange_text(point, model) : "";
  std::vector<MeasuredDeployment> all;
  const auto add = [&](std::int64_t drafted) {
    const auto settings = launch_settings(point, model, widths.tensor, concurrency, drafted);
    all.push_back(
        {why, layout, network, engine_text(point, settings, concurrency, drafted), 1, settings});
  };
  add(0);
  if (const auto drafted = may_draft(point, model, widths.tensor); drafted > 0) add(drafted);
  return all;
}

}  // namespace moesim
