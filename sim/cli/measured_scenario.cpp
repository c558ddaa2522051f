#include "sim/cli/measured_scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <regex>

#include "models/cost/profile_catalogue.hpp"
#include "sim/cli/measured_deployment.hpp"

namespace moesim {
namespace {

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
std::string cost_of(const std::string& library, const char* device) {
  const auto prefix = fmt::format("{}.{}-", device, library);
  const auto names = profile_names();
  const bool known =
      std::ranges::any_of(names, [&](const std::string& name) { return name.starts_with(prefix); });
  return known ? fmt::format("{{type: residual, library: {}}}", library) : "{type: residual}";
}

/// moesim's word for a format of the table: "" where none is recorded, nothing when unknown.
std::optional<std::string> dtype_of(const std::string& format) {
  if (format.empty()) return "";
  if (format == "fp8" || format == "fp8_block") return "fp8";
  if (format == "nvfp4") return "nvfp4";
  return std::nullopt;
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

std::string scenario_text(const ServingMeasurement& point, const MeasuredScenario& scenario,
                          const std::string& dtype, const std::string& cost,
                          const MeasuredDeployment& deployment) {
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
      "{}"
      "timeline: {{duration: 0 s}}\n",
      scenario.model, dtype, scenario.node, deployment.nodes, cost, deployment.layout,
      scenario.rounds * scenario.concurrency, scenario.concurrency,
      lengths_text(point, deployment.settings.shortest_length), deployment.engine,
      deployment.network.empty() ? "" : "network: {" + deployment.network + "}\n");
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
  const auto deployments = measured_deployments(point, scenario.model, model->moe, *concurrency);
  for (const auto& deployment : deployments)
    if (!deployment.left_out.empty()) return leave_out(deployment.left_out);
  const auto gemm = dtype_of(point.gemm_format), experts = dtype_of(point.moe_format);
  if (!gemm || !experts) return leave_out("number format unknown");

  scenario.concurrency = *concurrency;
  scenario.rounds = rounds_of(point.output_tokens, rounds_asked);
  const auto& settings = deployments.front().settings;
  std::vector<std::string> formats;
  if (!model->own_formats && !gemm->empty()) {
    formats.push_back("weights: " + *gemm);
    if (model->moe) formats.push_back("experts: " + *experts);
  }
  if (!settings.kv_cache.empty()) formats.push_back("kv_cache: " + settings.kv_cache);
  const auto dtype = fmt::format("{{{}}}", fmt::join(formats, ", "));
  const auto document = [&](const MeasuredDeployment& deployment) {
    const auto& kernels = deployment.settings.kernels;
    const auto cost = cost_of(kernels.empty() ? point.backend : kernels, system->device);
    return parse_yaml(scenario_text(point, scenario, dtype, cost, deployment), point.id);
  };
  scenario.document = document(deployments.front());
  if (deployments.size() > 1) scenario.speculating = document(deployments.back());
  return scenario;
}

}  // namespace moesim
