// The mapping of Hugging Face config keys to an architecture, one function per group of
// model_types; inner interface of hugging_face.cpp. Each places the keys it understands in the
// reader; what it leaves is judged by the caller.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "models/architecture/config_reader.hpp"
#include "models/architecture/model.hpp"

namespace moesim {

/// What an importer fills. `key_of` remembers which config key gave an architecture's field, for
/// errors.
struct ConfigImport {
  Model model;
  std::map<std::string, std::string> key_of;

  /// Reads a whole number into a field and remembers where it came from.
  void place(ConfigReader& config, const std::string& key, const std::string& field,
             std::int64_t& target, std::int64_t minimum = 1);
};

using FamilyImporter = std::function<void(ConfigReader&, ConfigImport&)>;

/// hidden_size, vocab_size, tie_word_embeddings, max_position_embeddings, and one full-attention
/// layer per num_hidden_layers.
void place_frame(ConfigReader& config, ConfigImport& import);

void import_dense(ConfigReader& config, ConfigImport& import);  // llama, mistral, qwen2, qwen3
void import_mixtral(ConfigReader& config, ConfigImport& import);
void import_qwen_moe(ConfigReader& config, ConfigImport& import);  // qwen2_moe, qwen3_moe
void import_olmoe(ConfigReader& config, ConfigImport& import);
void import_glm4_moe(ConfigReader& config, ConfigImport& import);
void import_minimax_m2(ConfigReader& config, ConfigImport& import);
void import_gpt_oss(ConfigReader& config, ConfigImport& import);
void import_llama4(ConfigReader& config, ConfigImport& import);
void import_deepseek(ConfigReader& config,
                     ConfigImport& import);  // deepseek_v2, deepseek_v3, kimi_k2
void import_switch(ConfigReader& config, ConfigImport& import);

/// Number formats: torch_dtype for all, then quantization_config for what it converts; a module
/// that it leaves alone in some layers counts as left alone in all. What is approximated is added
/// to `notes`. Throws InputError for a method that is not understood.
Precision read_config_precision(ConfigReader& config, std::vector<std::string>& notes);

}  // namespace moesim
