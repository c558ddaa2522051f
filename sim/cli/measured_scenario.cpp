#include "sim/cli/measured_scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <regex>

#include "models/cost/profile_catalogue.hpp"
#include "sim/cli/launch_settings.hpp"
#include "sim/cli/measured_pools.hpp"
#include "sim/serving/engine_profile.hpp"

namespace moesim {
namespace {

constexpr std::int64_t kNodeGpus = 8;

struct KnownModel {
  const char* path;
  const char* name;
  bool moe;
  /// The checkpoint's own formats stand, whatever the column says: gpt-oss is published in MXFP4
  /// experts and BF16 else (arXiv 2508.10925 section 2.1), which the table calls "nvfp4" or "fp8".
  bool own_formats;
};

// V3 and R1 have one architecture and one table of measurements lists the same runs under both
// names.
constexpr std::array kModels = {
    KnownModel{"deepseek-ai/DeepSeek-R1", "deepseek-r1", true, false},
    KnownModel{"deepseek-ai/DeepSeek-V3", "deepseek-r1", true, false},
    KnownModel{"nvidia/DeepSeek-R1-NVFP4", "deepseek-r1", true, false},
    KnownModel{"nvidia/DeepSeek-V3.1-NVFP4", "deepseek-r1", true, false},
    KnownModel{"Qwen/Qwen3-235B-A22B-FP8", "qwen3-235b-a22b", true, false},
    KnownModel{"openai/gpt-oss-120b", "gpt-oss-120b", true, true},
    KnownModel{"Qwen/Qwen3-32B", "qwen3-32b", false, false},
    KnownModel{"nvidia/Qwen3-32B-NVFP4", "qwen3-32b", false, false},
    KnownModel{"meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b", false, false},
    KnownModel{"nvidia/Llama-3.1-8B-Instruct-FP8", "llama-3.1-8b", false, false},
    KnownModel{"meta-llama/Llama-3.1-70B", "llama-3.1-70b", false, false},
};

struct KnownSystem {
  const char* system;
  const char* node;
  const char* device;
};
constexpr std::array kSystems = {KnownSystem{"h100_sxm", "hgx-h100", "h100-sxm"},
                                 KnownSystem{"h200_sxm", "hgx-h200", "h200-sxm"},
                                 KnownSystem{"b200_sxm", "hgx-b200", "b200-sxm"}};

/// The kernels of the engine that was measured come first, where a profile has them.
std::string cost_of(const ServingMeasurement& point, const char* device) {
  const auto prefix = fmt::format("{}.{}-", device, point.backend);
  const auto names = profile_names();
  const bool known =
      std::ranges::any_of(names, [&](const std::string& name) { return name.starts_with(prefix); });
  return known ? fmt::format("{{type: residual, library: {}}}", point.backend) : "{type: residual}";
}

/// moesim's word for a format of the table: "" where none is recorded, nothing when unknown.
std::optional<std::string> dtype_of(const std::string& format) {
  if (format.empty()) return "";
  if (format == "fp8" || format == "fp8_block") return "fp8";
  if (format == "nvfp4") return "nvfp4";
  return std::nullopt;
}

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

std::string lengths_text(const ServingMeasurement& point, double shortest) {
  if (shortest >= 1)
    return fmt::format("{{type: fixed, input: {}, output: {}}}", point.input_tokens,
                       point.output_tokens);
  const auto low = [&](std::int64_t length) {
    return std::max<std::int64_t>(
        1, static_cast<std::int64_t>(shortest * static_cast<double>(length)));
  };
  return fmt::format(
      "{{type: uniform, input_min: {}, input_max: {}, output_min: {}, output_max: {}}}",
      low(point.input_tokens), point.input_tokens,
      std::max<std::int64_t>(2, low(point.output_tokens)), point.output_tokens);
}

std::string engine_text(const ServingMeasurement& point, const LaunchSettings& settings,
                        std::int64_t concurrency, std::int64_t drafted) {
  auto text = fmt::format("max_sequences: {}, max_batched_tokens: {}", concurrency,
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

std::string scenario_text(const ServingMeasurement& point, const MeasuredScenario& scenario,
                          std::int64_t nodes, const std::string& layout, const std::string& dtype,
                          const std::string& cost, const LaunchSettings& settings,
                          std::int64_t drafted) {
  return fmt::format(
      "model: {{name: {}, dtype: {}}}\n"
      "cluster: {{node: {}, nodes: {}}}\n"
      "cost: {}\n"
      "{}"
      "workload:\n"
      "  requests: {}\n"
      "  arrivals: {{type: closed-loop, concurrency: {}}}\n"
      "  lengths: {}\n"
      "engine: {{{}}}\n"
      "timeline: {{duration: 0 s}}\n",
      scenario.model, dtype, scenario.node, nodes, cost, layout,
      scenario.rounds * scenario.concurrency, scenario.concurrency,
      lengths_text(point, settings.shortest_length),
      engine_text(point, settings, scenario.concurrency, drafted));
}

}  // namespace

std::optional<std::int64_t> concurrency_of(const ServingMeasurement& point) {
  static const std::regex in_source("silicon_concurrency=(\\d+)"), in_id("_c(\\d+)_");
  std::smatch source, id;
  if (!std::regex_search(point.source, source, in_source) ||
      !std::regex_search(point.id, id, in_id))
    return std::nullopt;
  if (source[1] != id[1] || source[1].length() > 9) return std::nullopt;
  const auto value = std::stoll(source[1]);
  if (value < 1) return std::nullopt;
  return value;
}

std::int64_t rounds_of(std::int64_t output_tokens, std::int64_t asked) {
  // A point costs about rounds x output steps: every round of short outputs, two of 1024 and more.
  // Against all ten (41 points of every engine): mean TPOT within 1.1 % on average (p90 3.0 %),
  // mean TTFT within 3.7 % (p90 7.4 %). `--rounds 10` runs all.
  constexpr std::int64_t kSteps = 2048;
  if (asked > 0) return asked;
  return std::clamp<std::int64_t>(
      (kSteps + output_tokens - 1) / std::max<std::int64_t>(1, output_tokens), 2, 10);
}

MeasuredScenario measured_scenario(const ServingMeasurement& point, std::int64_t rounds_asked) {
  MeasuredScenario scenario{"", point.model_path, point.system, 0, 0, {}, {}};
  const auto leave_out = [&](std::string why) {
    scenario.left_out = std::move(why);
    return scenario;
  };
  const auto model =
      std::ranges::find_if(kModels, [&](const auto& m) { return m.path == point.model_path; });
  if (model != kModels.end()) scenario.model = model->name;
  const auto system =
      std::ranges::find_if(kSystems, [&](const auto& s) { return s.system == point.system; });
  if (system != kSystems.end()) scenario.node = system->node;

  const bool pools = point.mode == "disagg";
  if (!pools && point.mode != "agg") return leave_out("mode unknown");
  if (model == kModels.end()) return leave_out("model unknown");
  if (system == kSystems.end()) return leave_out("GPU unknown");
  const auto concurrency = concurrency_of(point);
  if (!concurrency) return leave_out("no concurrency recorded");
  if (!pools && point.pipeline != 1) return leave_out("pipeline width ambiguous");
  if (point.input_tokens < 1 || point.output_tokens < 2) return leave_out("no lengths recorded");
  Widths widths;
  MeasuredPools two;
  if (pools) two = measured_pools(point, model->moe, kNodeGpus, *concurrency);
  if (auto why = pools ? two.left_out : read_widths(point, model->moe, widths); !why.empty())
    return leave_out(std::move(why));
  if ((pools ? two.decoding : point.batch * widths.data) != *concurrency)
    return leave_out(
        "batch size and concurrency disagree (replicas that the table does not describe)");
  const auto gemm = dtype_of(point.gemm_format), experts = dtype_of(point.moe_format);
  if (!gemm || !experts) return leave_out("number format unknown");

  scenario.concurrency = *concurrency;
  scenario.rounds = rounds_of(point.output_tokens, rounds_asked);
  const auto settings = launch_settings(point, scenario.model, widths.tensor, *concurrency);
  std::vector<std::string> formats;
  if (!model->own_formats && !gemm->empty()) {
    formats.push_back("weights: " + *gemm);
    if (model->moe) formats.push_back("experts: " + *experts);
  }
  if (!settings.kv_cache.empty()) formats.push_back("kv_cache: " + settings.kv_cache);
  const auto dtype = fmt::format("{{{}}}", fmt::join(formats, ", "));
  const auto layout = pools ? two.section
                            : fmt::format("parallel: {{tensor: {}, data: {}, expert: {}}}\n",
                                          widths.tensor, widths.data, widths.expert);
  const auto document = [&](std::int64_t drafted) {
    return parse_yaml(scenario_text(point, scenario, pools ? two.nodes : 1, layout, dtype,
                                    cost_of(point, system->device), settings, drafted),
                      point.id);
  };
  scenario.document = document(0);
  if (const auto drafted = may_draft(point, scenario.model, widths.tensor); drafted > 0)
    scenario.speculating = document(drafted);
  return scenario;
}

}  // namespace moesim
