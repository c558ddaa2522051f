// The shipped length profiles are what summarise() makes of the public traces. After a wanted
// change of the derivation, run with MOESIM_WRITE_PROFILES=1 to write the files again.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sim/serving/lengths_profile.hpp"

namespace moesim {
namespace {

std::string reference_data() {
  const char* given = std::getenv("MOESIM_REFERENCE_DATA");
  return given != nullptr ? given : MOESIM_SOURCE_DIR "/../shared/data";
}

struct Shipped {
  std::string name, trace, source, licence, note;
};

const std::string azure =
    "Azure LLM inference trace 2023, https://github.com/Azure/AzurePublicDataset (commit "
    "b469a113cedc); cite Patel et al., "
    "Splitwise, ISCA 2024";

const std::vector<Shipped>& shipped() {
  static const std::vector<Shipped> list = {
      {"azure-2023-conversation", "traces/AzureLLMInferenceTrace_conv_2023.csv", azure, "CC-BY-4.0",
       ""},
      {"azure-2023-code", "traces/AzureLLMInferenceTrace_code_2023.csv", azure, "CC-BY-4.0", ""},
      {"mooncake-conversation", "traces/mooncake_conversation_lengths.csv",
       "Mooncake FAST'25 conversation trace, https://github.com/kvcache-ai/Mooncake (commit "
       "3b5a59413395)",
       "Apache-2.0", ""},
      {"chat-sharegpt", "e2e/llmservingsim-rtxpro6000-qwen3-30b-a3b/workload.csv",
       "sharegpt-qwen3-30b-a3b-300-sps10 of LLMServingSim, "
       "https://github.com/casys-kaist/LLMServingSim (commit 5daddb21a545), "
       "(c) 2024 CASYS Lab at KAIST",
       "MIT",
       " That trace keeps requests of at least 512 output tokens only: longer answers than "
       "ShareGPT as a whole."}};
  return list;
}

std::string lines(const std::vector<std::int64_t>& values) {
  std::string text = "[";
  std::size_t width = 2;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto word = fmt::format("{}{}", values[i], i + 1 < values.size() ? ", " : "]");
    if (width + word.size() > 100) text += "\n  ", width = 2;
    text += word;
    width += word.size();
  }
  return text;
}

void write(const Shipped& file, const LengthProfile& profile) {
  std::ofstream out(MOESIM_SOURCE_DIR "/sim/serving/lengths/" + file.name + ".yaml");
  out << fmt::format(
      "# Quantiles of prompt and output lengths of a public trace; made by "
      "tests/serving/lengths_reference_test.cpp.\n"
      "name: {}\nsource: \"{}\"\nlicence: {}\n"
      "derivation: \"Value of rank round(p (n - 1)) of all n requests for each probability p; "
      "Spearman correlation with "
      "mean ranks for ties. Changed from the original: reduced to this table.{}\"\n"
      "requests: {}\ninput_mean: {:.2f}\noutput_mean: {:.2f}\nrank_correlation: {:.4f}\n",
      file.name, file.source, file.licence, file.note, profile.requests, profile.input_mean,
      profile.output_mean, profile.rank_correlation);
  out << "probabilities: [" << fmt::format("{}", fmt::join(profile.probabilities, ", ")) << "]\n";
  out << "input: " << lines(profile.input) << "\noutput: " << lines(profile.output) << "\n";
}

void PrintTo(const Shipped& file, std::ostream* out) { *out << file.name; }

class ReferenceProfile : public ::testing::TestWithParam<Shipped> {};

TEST_P(ReferenceProfile, IsWhatTheTraceGives) {
  const auto& file = GetParam();
  const auto path = reference_data() + "/" + file.trace;
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << "no " << path << " (set MOESIM_REFERENCE_DATA)";
  const auto expected = summarise(read_trace(path));
  if (std::getenv("MOESIM_WRITE_PROFILES") != nullptr) write(file, expected);
  const auto profile = load_length_profile(file.name);
  EXPECT_EQ(profile.requests, expected.requests);
  EXPECT_NEAR(profile.input_mean, expected.input_mean, 0.01);
  EXPECT_NEAR(profile.output_mean, expected.output_mean, 0.01);
  EXPECT_NEAR(profile.rank_correlation, expected.rank_correlation, 1e-4);
  EXPECT_EQ(profile.probabilities, expected.probabilities);
  EXPECT_EQ(profile.input, expected.input);
  EXPECT_EQ(profile.output, expected.output);
  EXPECT_EQ(profile.source, file.source);
  EXPECT_EQ(profile.licence, file.licence);
}

INSTANTIATE_TEST_SUITE_P(Shipped, ReferenceProfile, ::testing::ValuesIn(shipped()),
                         [](const auto& each) {
                           std::string name = each.param.name;
                           std::erase(name, '-');
                           return name;
                         });

TEST(LengthProfile, EveryShippedFileIsDerivedHereAndNamesItsSource) {
  std::vector<std::string> derived;
  for (const auto& file : shipped()) derived.push_back(file.name);
  std::ranges::sort(derived);
  EXPECT_EQ(length_profile_names(), derived);
  for (const auto& name : derived) {
    const auto profile = load_length_profile(name);
    EXPECT_FALSE(profile.source.empty()) << name;
    EXPECT_FALSE(profile.licence.empty()) << name;
    EXPECT_FALSE(profile.derivation.empty()) << name;
    EXPECT_GE(profile.probabilities.size(), 101u) << name;
  }
}

}  // namespace
}  // namespace moesim
