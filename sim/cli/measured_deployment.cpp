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

struct Widths {
  std::int64_t tensor = 1, data = 1, expert = 1;
};

/// The widths that an id ends with: `_tp8_ep1_20`, `_tp8_0_ep8_0_248`, `_tp4_epnone_1`. Expert 0:
/// not said.
std::optional<Widths> widths_in_id(const std::string& id) {
  static const std::regex form("_tp(\\d+)(?:_0)?_ep(\\d+|none)(?:_0)?_\\d+$");
  std::smatch match;
  if (!std::regex_search(id, match, form)) return std::nullopt;
  return Widths{std::stoll(match[1]), 1, match[2] == "none" ? 0 : std::stoll(match[2])};
}

/// Writes the widths, or returns why they cannot be known.
std::string read_widths(const ServingMeasurement& point, bool moe, Widths& widths) {
  const auto id = widths_in_id(point.id);
  widths = {point.tensor, std::max<std::int64_t>(1, point.attention_data),
            moe ? point.moe_expert : 1};
  auto moe_tensor = point.moe_tensor;
  // The whole width of both parts in one column, e.g. tp_size 64 for tensor 8, expert 8 on 8 GPUs.
  const bool product = moe && point.moe_tensor > 1 && point.moe_expert > 1 && widths.data == 1 &&
                       point.tensor == point.moe_tensor * point.moe_expert;
  if (product && !id)
    return "tensor width recorded as tensor x expert, and the id does not tell them apart";
  if (product && id->expert == point.moe_expert && id->tensor == point.moe_tensor) {
    widths = {id->tensor, 1, id->expert};
    moe_tensor = id->tensor / id->expert;
  }
  const auto gpus = widths.tensor * widths.data;
  if (id && gpus != id->tensor) return "GPU count ambiguous: the columns and the id disagree";
  if (moe && gpus != moe_tensor * widths.expert)
    return "GPU count ambiguous: attention and experts have different widths";
  if (widths.data > 1 && !id)
    return "GPU count ambiguous: attention data parallelism, and the id does not tell";
  if (widths.data > 1 && moe_tensor != 1)
    return "not expressible: tensor-parallel experts under data-parallel attention";
  if (gpus < 1 || gpus > kNodeGpus) return "more GPUs than one node has";
  return "";
}

std::string engine_text(const ServingMeasurement& point, const LaunchSettings& settings,
                        std::int64_t sequences, std::int64_t drafted) {
  auto text = fmt::format("max_sequences: {}, max_batched_tokens: {}", sequences,
                          settings.max_batched_tokens);
  const auto names = engine_profile_names();
  const auto& profile = settings.profile.empty() ? point.backend : settings.profile;
  if (std::ranges::find(names, profile) != names.end()) text += ", profile: " + profile;
  if (settings.recv_interval > 1)
    text += fmt::format(", scheduler: {{type: sglang, recv_interval: {}}}", settings.recv_interval);
  if (drafted > 0)
    text += fmt::format(", speculation: {{tokens: {}, acceptance_length: {:.3f}}}", drafted,
                        acceptance_length(drafted));
  if (point.backend == "trtllm")
    text += fmt::format(
        ", scheduler: {{type: trtllm, chunked_prefill: {}, batch_wait_steps: {}, "
        "balance_steps: {}}}",
        settings.chunked_prefill, settings.batch_wait_steps, settings.balance_steps);
  if (settings.stream_interval > 1)
    text += fmt::format(", stream_interval: {}, stream_first: {}", settings.stream_interval,
                        settings.stream_first);
  if (settings.utilization > 0)
    text += fmt::format(", memory: {{utilization: {}}}", settings.utilization);
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

/// Every deployment that the row may come from as published, or as recorded where none is.
std::vector<MeasuredDeployment> disaggregated(const ServingMeasurement& point,
                                              const std::string& model, bool moe,
                                              std::int64_t concurrency) {
  const auto settings = launch_settings(point, model, 1, concurrency);
  const auto engine = [&](std::int64_t drafted) {
    return engine_text(point, settings, concurrency, drafted);
  };
  std::vector<MeasuredDeployment> all;
  const auto add = [&](MeasuredPools pools, std::int64_t drafted) {
    all.push_back({std::move(pools.left_out), std::move(pools.section), engine(drafted),
                   pools.nodes, settings});
  };
  const auto choice = published_launch(point, concurrency);
  for (const auto* launch : {choice.plain, choice.drafting})
    if (launch != nullptr)
      add(published_pools(
              *launch, kNodeGpus,
              {pool_engine(point, settings, launch->prefill, concurrency, 0),
               pool_engine(point, settings, launch->decode, concurrency, launch->drafted)}),
          launch->drafted);
  if (!all.empty()) return all;
  if (point.prefill.workers < 1 && !choice.left_out.empty())
    return {{choice.left_out, "", "", 0, settings}};
  const auto may = may_draft(point, model, point.decode.tensor);
  for (const auto drafted : {std::int64_t{0}, may})
    if (drafted > 0 || all.empty())
      add(recorded_pools(point, moe, kNodeGpus, concurrency, {engine(0), engine(drafted)}),
          drafted);
  return all;
}

}  // namespace

std::vector<MeasuredDeployment> measured_deployments(const ServingMeasurement& point,
                                                     const std::string& model, bool moe,
                                                     std::int64_t concurrency) {
  if (point.mode == "disagg") return disaggregated(point, model, moe, concurrency);
  Widths widths;
  auto why = read_widths(point, moe, widths);
  if (why.empty() && point.batch * widths.data != concurrency)
    why = "batch size and concurrency disagree (replicas that the table does not describe)";
  const auto settings = launch_settings(point, model, widths.tensor, concurrency);
  const auto layout = fmt::format("parallel: {{tensor: {}, data: {}, expert: {}}}\n", widths.tensor,
                                  widths.data, widths.expert);
  std::vector<MeasuredDeployment> all{
      {why, layout, engine_text(point, settings, concurrency, 0), 1, settings}};
  if (const auto drafted = may_draft(point, model, widths.tensor); drafted > 0)
    all.push_back({why, layout, engine_text(point, settings, concurrency, drafted), 1, settings});
  return all;
}

}  // namespace moesim
