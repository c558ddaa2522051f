// The reviewed descriptions against the real config.json files of the reference data
// (MOESIM_REFERENCE_DATA, by default
// ../shared/data beside the source tree), and every one of those files imported or refused.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "models/architecture/catalog.hpp"
#include "models/architecture/size.hpp"
#include "sim/core/error.hpp"
#include "tests/models/text_checks.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;

fs::path configs() {
  const char* set = std::getenv("MOESIM_REFERENCE_DATA");
  const auto data =
      set != nullptr ? fs::path(set) : fs::path(MOESIM_SOURCE_DIR) / ".." / "shared" / "data";
  return data / "model_configs";
}

struct Pair {
  const char* config;
  const char* name;
};

class ReferenceConfig : public ::testing::TestWithParam<Pair> {
 protected:
  void SetUp() override {
    if (!fs::is_directory(configs()))
      GTEST_SKIP() << "no reference data: " << configs()
                   << " is not a folder (set MOESIM_REFERENCE_DATA)";
  }
};

TEST_P(ReferenceConfig, EqualsTheReviewedDescriptionFieldByField) {
  const auto imported = load_model((configs() / GetParam().config).string());
  const auto reviewed = load_model(GetParam().name);
  const auto& a = imported.architecture;
  const auto& b = reviewed.architecture;
  EXPECT_EQ(a.family, b.family);
  EXPECT_EQ(a.hidden, b.hidden);
  EXPECT_EQ(a.vocabulary, b.vocabulary);
  EXPECT_EQ(a.tied_embeddings, b.tied_embeddings);
  EXPECT_EQ(a.dense_intermediate, b.dense_intermediate);
  EXPECT_EQ(a.dense_gated, b.dense_gated);
  EXPECT_EQ(a.attention, b.attention);
  EXPECT_EQ(a.moe, b.moe);
  EXPECT_EQ(a.layers, b.layers);
  EXPECT_EQ(a.encoder_layers, b.encoder_layers);
  EXPECT_EQ(a.max_positions, b.max_positions);
  EXPECT_EQ(imported.precision, reviewed.precision);
  EXPECT_EQ(count_parameters(a).total, count_parameters(b).total);
}

INSTANTIATE_TEST_SUITE_P(
    Reviewed, ReferenceConfig,
    ::testing::Values(Pair{"deepseek-ai--DeepSeek-V3.json", "deepseek-v3"},
                      Pair{"deepseek-ai--DeepSeek-R1.json", "deepseek-r1"},
                      Pair{"moonshotai--Kimi-K2-Instruct.json", "kimi-k2"},
                      Pair{"Qwen--Qwen3-30B-A3B.json", "qwen3-30b-a3b"},
                      Pair{"Qwen--Qwen3-235B-A22B.json", "qwen3-235b-a22b"},
                      Pair{"Qwen--Qwen3-32B.json", "qwen3-32b"},
                      Pair{"mistralai--Mixtral-8x7B-v0.1.json", "mixtral-8x7b"},
                      Pair{"mistralai--Mixtral-8x22B-v0.1.json", "mixtral-8x22b"},
                      Pair{"openai--gpt-oss-20b.json", "gpt-oss-20b"},
                      Pair{"openai--gpt-oss-120b.json", "gpt-oss-120b"},
                      Pair{"meta-llama--Meta-Llama-3.1-8B.json", "llama-3.1-8b"},
                      Pair{"meta-llama--Meta-Llama-3.1-70B.json", "llama-3.1-70b"},
                      Pair{"meta-llama--Llama-4-Maverick-17B-128E-Instruct.json",
                           "llama-4-maverick"},
                      // M2.5 has the shape of M2 (229 B parameters, 62 layers, 256 experts).
                      Pair{"MiniMaxAI--MiniMax-M2.5.json", "minimax-m2"}));

struct Total {
  const char* config;
  double published;
};

class ImportedConfig : public ::testing::TestWithParam<Total> {
 protected:
  void SetUp() override {
    if (!fs::is_directory(configs()))
      GTEST_SKIP() << "no reference data: " << configs()
                   << " is not a folder (set MOESIM_REFERENCE_DATA)";
  }
};

// Totals from the models' pages on huggingface.co: Qwen/Qwen3-8B 8.2 B,
// Qwen/Qwen3-Coder-480B-A35B-Instruct 480 B, meta-llama/Llama-3.1-405B 406 B,
// Qwen/Qwen3-235B-A22B-FP8 235 B.
TEST_P(ImportedConfig, WithoutADescriptionHasThePublishedNumberOfParameters) {
  const auto model = load_model((configs() / GetParam().config).string());
  const auto total = static_cast<double>(count_parameters(model.architecture).total);
  EXPECT_NEAR(total, GetParam().published, 0.01 * GetParam().published);
}

INSTANTIATE_TEST_SUITE_P(HuggingFace, ImportedConfig,
                         ::testing::Values(Total{"Qwen--Qwen3-8B.json", 8.2e9},
                                           Total{"Qwen--Qwen3-Coder-480B-A35B-Instruct.json",
                                                 480e9},
                                           Total{"meta-llama--Meta-Llama-3.1-405B.json", 406e9},
                                           Total{"Qwen--Qwen3-235B-A22B-FP8.json", 235e9}));

struct Refused {
  const char* config;
  const char* key;  ///< one of the keys that cannot be placed
};

class RefusedConfig : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedConfig, IsRefusedNamingTheKeysThatCouldNotBePlaced) {
  if (!fs::is_directory(configs()))
    GTEST_SKIP() << "no reference data: " << configs()
                 << " is not a folder (set MOESIM_REFERENCE_DATA)";
  try {
    load_model((configs() / GetParam().config).string());
    FAIL() << "imported";
  } catch (const InputError& error) {
    EXPECT_TRUE(contains(error.what(), "keys that could not be placed: "));
    EXPECT_TRUE(contains(error.what(), GetParam().key));
  }
}

INSTANTIATE_TEST_SUITE_P(
    HuggingFace, RefusedConfig,
    ::testing::Values(Refused{"deepseek-ai--DeepSeek-V3.2.json", "index_n_heads"},
                      Refused{"deepseek-ai--DeepSeek-V4-Flash.json", "compress_ratios"},
                      Refused{"zai-org--GLM-5.json", "index_topk"},
                      Refused{"Qwen--Qwen3.5-397B-A17B.json", "text_config.linear_num_key_heads"},
                      Refused{"google--gemma-4-26B-A4B.json", "text_config.global_head_dim"},
                      Refused{"nvidia--NVIDIA-Nemotron-3-Nano-30B-A3B-BF16.json",
                              "hybrid_override_pattern"}));

}  // namespace
}  // namespace moesim
