// Finding models by name, alias and path; the YAML descriptions' errors; and `moesim model show`.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "models/architecture/catalog.hpp"
#include "models/architecture/size.hpp"
#include "sim/core/data_path.hpp"
#include "sim/report/model_show.hpp"
#include "tests/models/text_checks.hpp"

namespace moesim {
namespace {

const std::string kYaml = R"yaml(name: tiny
family: mixtral
hidden: 64
vocabulary: 100
max_positions: 512
layers: {count: 4, dense_first: 1, moe_every: 2, moe_offset: 1, window: 16, full_every: 2, full_offset: 1}
dense_intermediate: 96
attention: {heads: 4, kv_heads: 2, head_dim: 16}
moe: {experts: 8, top_k: 2, intermediate: 24}
sources: ["a paper, https://example.org (2025-01-01)"]
)yaml";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string yaml_error(const std::string& text) {
  try {
    read_model(parse_yaml(text, "model.yaml"));
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

std::string load_error(const std::string& name, const Location& asked = {}) {
  try {
    load_model(name, asked);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ModelCatalog, FindsAModelByNameInAnyCaseAndByHuggingFaceId) {
  EXPECT_EQ(load_model("Mixtral-8x7B").architecture.name, "mixtral-8x7b");
  EXPECT_EQ(load_model("Qwen/Qwen3-30B-A3B").architecture.name, "qwen3-30b-a3b");
  EXPECT_EQ(load_model("deepseek-ai/deepseek-r1").architecture.name, "deepseek-r1");
}

TEST(ModelCatalog, ShipsEveryModelOfTheReleaseUnderUniqueNames) {
  const auto names = model_names();
  for (const auto* name :
       {"deepseek-v3", "deepseek-r1", "deepseek-v2-lite", "kimi-k2", "qwen3-30b-a3b",
        "qwen3-235b-a22b", "qwen1.5-moe-a2.7b", "mixtral-8x7b", "mixtral-8x22b", "gpt-oss-20b",
        "gpt-oss-120b", "olmoe-1b-7b", "glm-4.5", "minimax-m2", "llama-4-maverick",
        "switch-base-128", "llama-3.1-8b", "llama-3.1-70b", "qwen3-32b"})
    EXPECT_EQ(std::ranges::count(names, name), 1) << name;
  std::set<std::string> all(names.begin(), names.end());
  for (const auto& name : names)
    for (const auto& alias : load_model(name).aliases)
      EXPECT_TRUE(all.insert(alias).second) << alias;
}

TEST(ModelCatalog, SuggestsTheNearestNameAtThePlaceThatAsked) {
  EXPECT_TRUE(begins(
      load_error("mixtral-8x7", {"scenario.yaml", 4, 8}),
      "scenario.yaml:4:8: unknown model 'mixtral-8x7'; did you mean 'mixtral-8x7b'? (valid: "));
  EXPECT_TRUE(contains(load_error("mixtral"), "did you mean 'mixtral-8x22b'?"));
  EXPECT_TRUE(
      contains(load_error("Qwen/Qwen3-30B-A3B-Instruct-2508"), "did you mean 'qwen3-30b-a3b'?"));
  EXPECT_TRUE(contains(load_error("missing/config.json"),
                       "cannot read the model file 'missing/config.json'"));
  EXPECT_TRUE(contains(load_error(""), "empty"));
  EXPECT_TRUE(contains(load_error("../etc"), "cannot read"));
}

TEST(ModelCatalog, LoadsAConfigAYamlFileAndAFolderByPath) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "moesim-catalog-test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "tiny.yaml") << kYaml;
  std::ofstream(folder / "config.json")
      << R"({"model_type": "llama", "hidden_size": 64, "vocab_size": 100,
    "max_position_embeddings": 512, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96})";
  EXPECT_EQ(load_model((folder / "tiny.yaml").string()).architecture.name, "tiny");
  EXPECT_EQ(load_model((folder / "config.json").string()).architecture.name, "moesim-catalog-test");
  EXPECT_EQ(load_model(folder.string()).architecture.family, "llama");
  std::filesystem::remove(folder / "config.json");
  EXPECT_TRUE(contains(load_error(folder.string()), "has no config.json"));
  std::filesystem::remove_all(folder);
}

TEST(ModelDescription, ExpandsItsLayerPattern) {
  const auto a = read_model(parse_yaml(kYaml, "model.yaml")).architecture;
  EXPECT_EQ(a.layers, (std::vector<Layer>{{false, 16}, {true, 0}, {false, 16}, {true, 0}}));
}

TEST(ModelDescription, PointsAtWhatIsWrong) {
  EXPECT_TRUE(begins(yaml_error(replaced(kYaml, "hidden: 64", "hiden: 64")),
                     "model.yaml:3:1: unknown key 'hiden'"));
  EXPECT_TRUE(contains(yaml_error(replaced(kYaml, "hidden: 64", "hiden: 64")), "'hidden'"));
  EXPECT_TRUE(begins(yaml_error(replaced(kYaml, "count: 4", "count: 0")), "model.yaml:6:"));
  EXPECT_TRUE(
      contains(yaml_error(replaced(kYaml, "count: 4", "count: 0")), "count must be at least 1"));
  EXPECT_TRUE(
      begins(yaml_error(replaced(kYaml, "kv_heads: 2", "kv_heads: 3")), "model.yaml:8:33:"));
  EXPECT_TRUE(contains(yaml_error(replaced(kYaml, "kv_heads: 2", "kv_heads: 3")),
                       "3 key-value heads do not divide 4 heads"));
  EXPECT_TRUE(begins(yaml_error(replaced(kYaml, "top_k: 2", "top_k: 9")), "model.yaml:9:"));
  EXPECT_TRUE(contains(yaml_error(replaced(kYaml, "top_k: 2", "top_k: 9")), "moe.top_k"));
  EXPECT_TRUE(begins(yaml_error(replaced(kYaml, "moe: {", "precision: {experts: fp9}\nmoe: {")),
                     "model.yaml:9:"));
  EXPECT_TRUE(contains(yaml_error(replaced(kYaml, "moe: {", "precision: {experts: fp9}\nmoe: {")),
                       "unknown value 'fp9'"));
  EXPECT_TRUE(
      contains(yaml_error(replaced(kYaml, "dense_intermediate: 96\n", "")), "dense_intermediate"));
  EXPECT_TRUE(contains(
      yaml_error(replaced(kYaml, "moe_every: 2, moe_offset: 1", "moe_every: 2, moe_offset: 2")),
      "no layer uses them"));
  EXPECT_TRUE(contains(yaml_error(replaced(kYaml, "heads: 4, kv_heads: 2", "kv_heads: 2")),
                       "attention.heads"));
  EXPECT_TRUE(
      contains(yaml_error(replaced(kYaml, "top_k: 2,", "top_k: 2, groups: 4, groups_kept: 0,")),
               "groups_kept"));
  EXPECT_TRUE(
      contains(yaml_error(replaced(kYaml, "top_k: 2,", "top_k: 5, groups: 4, groups_kept: 2,")),
               "the 2 kept groups hold 4"));
}

TEST(ModelDescription, RefusesFiguresThatWouldOverflowItsCounts) {
  for (const auto* field : {"hidden: 64", "vocabulary: 100", "dense_intermediate: 96"}) {
    const auto name = std::string(field).substr(0, std::string(field).find(' '));
    EXPECT_TRUE(contains(yaml_error(replaced(kYaml, field, name + " 9223372036854775807")),
                         "more than 1e+17 parameters"));
  }
}

TEST(DataPath, FollowsMoesimHome) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "moesim-home-test";
  std::filesystem::create_directories(folder);
  const auto built_in = data_directory();
  setenv("MOESIM_HOME", folder.c_str(), 1);
  EXPECT_THROW(data_directory(), InputError);
  std::filesystem::create_directories(folder / "models" / "architecture" / "data");
  EXPECT_EQ(data_directory(), folder.string());
  EXPECT_TRUE(model_names().empty());
  unsetenv("MOESIM_HOME");
  EXPECT_EQ(data_directory(), built_in);
  std::filesystem::remove_all(folder);
}

TEST(ModelShow, PrintsParametersBytesCacheAndFlops) {
  const auto text = show_model(load_model("gpt-oss-20b"));
  for (const auto* expected :
       {"gpt-oss-20b (gpt_oss)", "24 (24 MoE, 0 dense), 12 of them with a window of 128 tokens",
        "32 experts of intermediate 2880, 4 per token", "mxfp4 (4.25 b)", "20.91 B", "13.76 GB",
        "KV cache (bf16): 2.048 kB per token and layer, 49.15 kB per token", "GFLOP",
        "https://arxiv.org"})
    EXPECT_TRUE(contains(text, expected));
}

TEST(ModelShow, PrintsEveryShippedModel) {
  for (const auto& name : model_names()) {
    const auto model = load_model(name);
    const auto text = show_model(model);
    EXPECT_TRUE(begins(text, name));
    EXPECT_EQ(text.find("routed experts") != std::string::npos, model.architecture.moe_layers() > 0)
        << name;
  }
}

}  // namespace
}  // namespace moesim
