// quantization_config of a Hugging Face config.json as Precision. The methods understood and the
// keys they use: https://huggingface.co/docs/transformers/v4.57.0/main_classes/quantization (fp8,
// mxfp4, gptq, awq, compressed-tensors) and the ModelOpt exports of NVIDIA (quant_algo).
#include <fmt/format.h>

#include <algorithm>

#include "models/architecture/families.hpp"

namespace moesim {
namespace {

Dtype base_dtype(ConfigReader& config) {
  const std::string key = config.has("dtype") ? "dtype" : "torch_dtype";
  auto name = config.text_or(key, "bfloat16");
  if (name.starts_with("torch.")) name = name.substr(6);
  if (name == "bfloat16" || name == "auto") return Dtype::bf16;
  if (name == "float16") return Dtype::fp16;
  if (name == "float32") return Dtype::fp32;
  throw config.error(
      key, fmt::format("'{}' is not supported (valid: bfloat16, float16, float32)", name));
}

Dtype integer_dtype(ConfigReader& config, const std::string& key) {
  const auto bits = config.integer(key);
  if (bits == 4) return Dtype::int4;
  if (bits == 8) return Dtype::int8;
  throw config.error(key, fmt::format("weights of {} bits are not supported (valid: 4, 8)", bits));
}

/// int4 stands for groups of 128 (stored_bits); other groups carry more or fewer scales.
void note_group_size(ConfigReader& weights, Dtype dtype, std::vector<std::string>& notes) {
  constexpr std::int64_t kUsual = 128;
  const auto group = weights.integer_or("group_size", kUsual, -1);
  if (dtype == Dtype::int4 && group > 0 && group != kUsual)
    notes.push_back(
        fmt::format("The checkpoint has one scale per {} int4 values ({:.4g} bits per value); "
                    "counted are {} bits.",
                    group, 4 + 16.0 / static_cast<double>(group), stored_bits(Dtype::int4)));
}

Dtype compressed_tensors_dtype(ConfigReader& quantization, std::vector<std::string>& notes) {
  auto groups = quantization.section("config_groups");
  auto weights = groups.section("group_0").section("weights");
  if (const auto others = groups.unplaced(); !others.empty())
    throw groups.error(others.front(),
                       "more than one group of modules with its own format is not supported");
  if (weights.text_or("type", "int") != "float") {
    const auto dtype = integer_dtype(weights, "num_bits");
    note_group_size(weights, dtype, notes);
    return dtype;
  }
  const auto bits = weights.integer("num_bits");
  if (bits == 8) return Dtype::fp8;
  if (bits == 4) return weights.integer_or("group_size", 16) == 32 ? Dtype::mxfp4 : Dtype::nvfp4;
  throw weights.error("num_bits",
                      fmt::format("floating-point weights of {} bits are not supported", bits));
}

Dtype converted_dtype(ConfigReader& quantization, std::vector<std::string>& notes) {
  const auto method = quantization.text_or("quant_method", "");
  if (method == "fp8" || method == "fbgemm_fp8") return Dtype::fp8;
  if (method == "mxfp4") return Dtype::mxfp4;
  if (method == "gptq" || method == "awq") {
    const auto dtype = integer_dtype(quantization, "bits");
    note_group_size(quantization, dtype, notes);
    return dtype;
  }
  if (method == "compressed-tensors") return compressed_tensors_dtype(quantization, notes);
  if (method == "modelopt") {
    const auto algorithm = quantization.text_or("quant_algo", "");
    if (algorithm == "FP8") return Dtype::fp8;
    if (algorithm == "NVFP4") return Dtype::nvfp4;
    throw quantization.error("quant_algo",
                             fmt::format("'{}' is not supported (valid: FP8, NVFP4)", algorithm));
  }
  throw quantization.error(
      "quant_method",
      fmt::format("'{}' is not supported (valid: fp8, fbgemm_fp8, mxfp4, gptq, awq, "
                  "compressed-tensors, modelopt)",
                  method));
}

}  // namespace

Precision read_config_precision(ConfigReader& config, std::vector<std::string>& notes) {
  const Dtype base = base_dtype(config);
  Precision precision;
  precision.attention = precision.dense = precision.experts = precision.shared = base;
  precision.embedding = precision.router = precision.kv_cache = precision.activations = base;
  config.ignore({"dtype", "torch_dtype", "quantization_config"});
  if (!config.has("quantization_config")) return precision;

  auto quantization = config.section("quantization_config");
  const Dtype converted = converted_dtype(quantization, notes);
  auto kept = quantization.texts("modules_to_not_convert");
  const auto ignored = quantization.texts("ignore");
  kept.insert(kept.end(), ignored.begin(), ignored.end());
  const auto keeps = [&](std::string_view module) {
    return std::ranges::any_of(kept, [&](const std::string& name) {
      return name.find("norm") == std::string::npos && name.find(module) != std::string::npos;
    });
  };
  if (quantization.has("kv_cache_scheme")) {
    auto cache = quantization.section("kv_cache_scheme");
    if (cache.text_or("type", "float") == "float" && cache.integer("num_bits") == 8)
      precision.kv_cache = Dtype::fp8;
    else
      throw cache.error("num_bits", "only a key-value cache of 8-bit floating point is supported");
  }
  precision.experts = converted;
  if (converted == Dtype::mxfp4 && quantization.text_or("quant_method", "") == "mxfp4")
    return precision;  // this method converts expert modules only
  if (!keeps("self_attn")) precision.attention = converted;
  if (!keeps("shared_expert")) precision.shared = converted;
  if (!keeps("mlp.gate_proj") && !keeps("mlp.down_proj")) precision.dense = converted;
  return precision;
}

}  // namespace moesim
