#include "models/architecture/hugging_face.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "models/architecture/families.hpp"
#include "sim/core/suggest.hpp"

namespace moesim {
namespace {

const std::map<std::string, FamilyImporter>& families() {
  static const std::map<std::string, FamilyImporter> all{{"deepseek_v2", import_deepseek},
                                                         {"deepseek_v3", import_deepseek},
                                                         {"glm4_moe", import_glm4_moe},
                                                         {"gpt_oss", import_gpt_oss},
                                                         {"kimi_k2", import_deepseek},
                                                         {"llama", import_dense},
                                                         {"llama4", import_llama4},
                                                         {"llama4_text", import_llama4},
                                                         {"minimax_m2", import_minimax_m2},
                                                         {"mistral", import_dense},
                                                         {"mixtral", import_mixtral},
                                                         {"olmoe", import_olmoe},
                                                         {"qwen2", import_dense},
                                                         {"qwen2_moe", import_qwen_moe},
                                                         {"qwen3", import_dense},
                                                         {"qwen3_moe", import_qwen_moe},
                                                         {"switch_transformers", import_switch}};
  return all;
}

bool contains_any(const std::string& key, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(
      words, [&](std::string_view word) { return key.find(word) != std::string::npos; });
}

/// Whether a key may change sizes or work: it speaks of structure, and not of training, numerics or
/// generation.
bool matters(const std::string& key) {
  static const std::array<std::string_view, 10> harmless{"pretraining_tp",
                                                         "clip_qkv",
                                                         "num_logits_to_keep",
                                                         "initial_context_length",
                                                         "hidden_act",
                                                         "hidden_activation",
                                                         "routed_scaling_factor",
                                                         "num_return_sequences",
                                                         "chunk_size_feed_forward",
                                                         "attn_implementation"};
  if (std::ranges::find(harmless, key) != harmless.end()) return false;
  if (contains_any(key, {"dropout", "token", "rope", "rotary", "loss", "_eps", "initializer",
                         "output_", "_jitter", "beam", "_attn_implementation", "implementation"}))
    return false;
  return contains_any(key,
                      {"layer", "expert", "moe",   "head",      "hidden", "intermediate", "dim",
                       "rank",  "window", "chunk", "attention", "attn",   "mlp",          "ffn",
                       "ssm",   "mamba",  "conv",  "index",     "linear", "compress",     "size",
                       "num_",  "kv",     "gate",  "shared",    "state",  "hybrid",       "bias"});
}

std::vector<std::string> unplaced_that_matter(const ConfigReader& config) {
  auto keys = config.unplaced();
  std::erase_if(keys, [](const std::string& key) { return !matters(key); });
  return keys;
}

/// Keys whose meaning is the same in nearly every family.
const std::vector<std::string>& common_keys() {
  static const std::vector<std::string> keys{"hidden_size",
                                             "num_hidden_layers",
                                             "vocab_size",
                                             "intermediate_size",
                                             "num_attention_heads",
                                             "num_key_value_heads",
                                             "head_dim",
                                             "max_position_embeddings",
                                             "tie_word_embeddings",
                                             "quantization_config",
                                             "moe_intermediate_size",
                                             "num_experts",
                                             "num_experts_per_tok",
                                             "n_routed_experts",
                                             "n_shared_experts",
                                             "num_local_experts",
                                             "q_lora_rank",
                                             "kv_lora_rank",
                                             "qk_nope_head_dim",
                                             "qk_rope_head_dim",
                                             "qk_head_dim",
                                             "v_head_dim",
                                             "first_k_dense_replace",
                                             "moe_layer_freq",
                                             "num_nextn_predict_layers",
                                             "ep_size"};
  return keys;
}

[[noreturn]] void refuse_type(ConfigReader& config, const std::string& type) {
  const auto keys_of = [](ConfigReader& reader) {
    reader.ignore(common_keys());
    reader.ignore({"model_type", "text_config", "vision_config", "audio_config"});
    return unplaced_that_matter(reader);
  };
  auto keys = keys_of(config);
  if (config.has("text_config")) {
    auto text = config.section("text_config");
    for (const auto& key : keys_of(text)) keys.push_back("text_config." + key);
  }
  const auto list = keys.empty() ? std::string("none") : fmt::format("{}", fmt::join(keys, ", "));
  throw config.error(
      "model_type",
      fmt::format("unknown type '{}'{}; keys that could not be placed: {}; describe the "
                  "model in YAML instead (see models/architecture/data)",
                  type, did_you_mean(type, imported_model_types()), list));
}

/// Moves into text_config where the config has one, with what is only written outside it.
ConfigReader text_section(ConfigReader& config) {
  auto text = config.section("text_config");
  text.ignore({"model_type"});
  return text;
}

void check(const ConfigReader& config, const ConfigImport& import) {
  if (const auto problem = find_problem(import.model.architecture)) {
    const auto key = import.key_of.find(problem->field);
    throw config.error(key == import.key_of.end() ? problem->field : key->second, problem->what);
  }
  const auto left = unplaced_that_matter(config);
  if (!left.empty())
    throw config.error(
        left.front(),
        fmt::format(
            "not understood for model_type '{}'; keys that could not be placed: {}; describe "
            "the model in YAML instead (see models/architecture/data)",
            import.model.architecture.family, fmt::join(left, ", ")));
}

}  // namespace

std::vector<std::string> imported_model_types() {
  std::vector<std::string> types;
  for (const auto& [type, importer] : families()) types.push_back(type);
  return types;
}

Model read_hugging_face_config(const std::string& text, const std::string& file,
                               const std::string& name) {
  ConfigReader config(text, file);
  const auto type = config.text_or("model_type", "");
  if (type.empty())
    throw InputError(config.where("model_type"),
                     "missing key 'model_type': not the config.json of a model");
  const auto family = families().find(type);
  if (family == families().end()) refuse_type(config, type);

  ConfigImport import;
  auto& model = import.model;
  model.architecture.name = name;
  model.architecture.family = type;
  model.architecture.sources = {file};
  model.precision = read_config_precision(config, model.notes);
  if (config.has("text_config")) {
    auto inner = text_section(config);
    inner.ignore({"dtype", "torch_dtype", "quantization_config"});
    family->second(inner, import);
    check(inner, import);
    config.ignore({"vision_config", "audio_config", "tie_word_embeddings"});
  } else {
    family->second(config, import);
  }
  check(config, import);
  return std::move(import.model);
}

}  // namespace moesim
