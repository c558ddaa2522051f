// The public traces in the reference data, read whole. Counts and sums were taken from the files
// with another CSV reader.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <ostream>

#include "sim/serving/trace.hpp"

namespace moesim {
namespace {

std::string trace_reference_data() {
  const char* given = std::getenv("MOESIM_REFERENCE_DATA");
  return given != nullptr ? given : MOESIM_SOURCE_DIR "/../shared/data";
}

struct Expected {
  const char* file;
  std::size_t requests;
  std::int64_t input, output;
  double first_s, last_s;
};

void PrintTo(const Expected& expected, std::ostream* out) { *out << expected.file; }

class ReferenceTrace : public ::testing::TestWithParam<Expected> {};

TEST_P(ReferenceTrace, HoldsTheKnownRowsAndTokens) {
  const auto& expected = GetParam();
  const auto path = trace_reference_data() + "/" + expected.file;
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << "no " << path << " (set MOESIM_REFERENCE_DATA)";
  const auto trace = read_trace(path);
  ASSERT_EQ(trace.size(), expected.requests);
  std::int64_t input = 0, output = 0;
  for (const auto& request : trace) {
    input += request.input;
    output += request.output;
  }
  EXPECT_EQ(input, expected.input);
  EXPECT_EQ(output, expected.output);
  EXPECT_DOUBLE_EQ(trace.front().arrival.value, expected.first_s);
  EXPECT_DOUBLE_EQ(trace.back().arrival.value, expected.last_s);
  EXPECT_TRUE(std::ranges::is_sorted(trace, {}, &TraceRequest::arrival));
}

INSTANTIATE_TEST_SUITE_P(
    Public, ReferenceTrace,
    ::testing::Values(
        Expected{"traces/AzureLLMInferenceTrace_conv_2023.csv", 19366, 22361870, 4088665, 0,
                 3501.721937},
        Expected{"traces/AzureLLMInferenceTrace_code_2023.csv", 8819, 18059974, 245896, 0,
                 3435.948056},
        Expected{"traces/mooncake_conversation_lengths.csv", 12031, 144793823, 4122048, 0,
                 3536.999},
        Expected{"traces/mooncake_conversation_trace.jsonl.gz", 12031, 144793823, 4122048, 0,
                 3536.999},
        Expected{"traces/mooncake_synthetic_lengths.csv", 3993, 61194628, 595432, 0, 1022.025},
        Expected{"traces/mooncake_synthetic_trace.jsonl.gz", 3993, 61194628, 595432, 0, 1022.025},
        Expected{"e2e/llmservingsim-rtxpro6000-qwen3-30b-a3b/workload.csv", 300, 258691, 199486,
                 0.046926808, 29.183763203}),
    [](const auto& each) {
      std::string name = each.param.file;
      std::erase_if(name, [](unsigned char c) { return !std::isalnum(c); });
      return name;
    });

}  // namespace
}  // namespace moesim
