#include "sim/routing/recorded_trace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/core/error_text.hpp"

namespace moesim {
namespace {

using testing::error_text;

std::vector<std::uint16_t> at(const RecordedTrace& trace, std::int64_t layer, std::int64_t token) {
  const auto ids = trace.choices(layer, token);
  return {ids.begin(), ids.end()};
}
using Ids = std::vector<std::uint16_t>;

TEST(RecordedTrace, ReadsOneTokenPerRow) {
  const auto trace =
      parse_recorded_trace("seq,pos,l1,l2\n7,0,0 3,2 1\n7,1,1 2,0 3\n4,0,3 0,1 2\n", "t.csv");
  EXPECT_EQ(trace.tokens(), 3);
  EXPECT_EQ(trace.layers(), 2);
  EXPECT_EQ(trace.top_k, 2);
  EXPECT_EQ(trace.experts, 4);
  EXPECT_EQ(trace.sequence, (std::vector<std::int32_t>{0, 0, 1}));
  EXPECT_EQ(at(trace, 1, 0), (Ids{2, 1}));
  EXPECT_EQ(at(trace, 0, 2), (Ids{3, 0}));
}

TEST(RecordedTrace, ReadsOneRowPerLayerAndTokenInAnyOrder) {
  const auto trace = parse_recorded_trace(
      "Layer ID,Batch Number,Token,Activated Expert IDs\n"
      "3,0,0,\"[4, 1]\"\n1,0,0,\"[0, 5]\"\n1,0,1,2 3\n3,0,1,0;1\n3,1,0,5 4\n1,1,0,4 5\n",
      "t.csv");
  EXPECT_EQ(trace.tokens(), 3);
  EXPECT_EQ(trace.layers(), 2);  // layers 1 and 3 are MoE layers 0 and 1
  EXPECT_EQ(at(trace, 0, 0), (Ids{0, 5}));
  EXPECT_EQ(at(trace, 1, 0), (Ids{4, 1}));
  EXPECT_EQ(at(trace, 1, 2), (Ids{5, 4}));
  EXPECT_EQ(trace.sequence, (std::vector<std::int32_t>{0, 0, 1}));
}

TEST(RecordedTrace, ReadsAListOfStepsAsOneSequence) {
  const auto trace = parse_recorded_trace(
      R"([{"0": [[0, 1], [2, 3]], "10": [[1, 0], [3, 2]]}, {"0": [[5, 1]], "10": [[4, 2]]}])",
      "t.json");
  EXPECT_EQ(trace.tokens(), 3);
  EXPECT_EQ(trace.layers(), 2);
  EXPECT_EQ(at(trace, 0, 2), (Ids{5, 1}));
  EXPECT_EQ(at(trace, 1, 1), (Ids{3, 2}));
  EXPECT_EQ(trace.sequence, (std::vector<std::int32_t>{0, 0, 0}));
}

TEST(RecordedTrace, ReadsRowsOfALayerAndABatch) {
  const auto trace = parse_recorded_trace(
      "{\"layer\": 0, \"batch_id\": 5, \"origin_rows\": [1, 0], \"topk_experts\": [[2], [3]]}\n\n"
      "{\"layer\": 1, \"batch_id\": 5, \"origin_rows\": [0, 1], \"topk_experts\": [[0], [1]]}\n",
      "t.jsonl");
  EXPECT_EQ(trace.tokens(), 2);
  EXPECT_EQ(trace.top_k, 1);
  EXPECT_EQ(at(trace, 0, 0), (Ids{2}));  // row 1 came first
  EXPECT_EQ(at(trace, 1, 0), (Ids{1}));
}

TEST(RecordedTrace, SaysWhereAMalformedTraceIsWrong) {
  struct Case {
    std::string text, place, holds;
  };
  const std::string rows = "Layer ID,Batch Number,Token,Activated Expert IDs\n0,0,0,1 2\n";
  const std::vector<Case> cases = {
      {"l1,l2\n0 9,1 2\n", "t:2:3: ", "expert 9 does not exist: the model has 8"},
      {"l1,l2\n0 1,2 -3\n", "t:2:7: ", "expert -3 does not exist"},
      {"l1,l2\n0 1,2 x\n", "t:2:7: ", "'x' is not an expert id"},
      {"l1,l2\n0 1,2 3.5\n", "t:2:7: ", "'3.5' is not an expert id"},
      {"l1,l2\n0 1,2 2\n", "t:2:7: ", "expert 2 is chosen twice"},
      {"l1,l2\n0 1,2 3\n4 5,6\n", "t:3:", "1 experts in a cell, the model chooses 2 (a trunc"},
      {"l1,l2\n0 1,2 3\n4 5\n", "t:3:", "1 cell, but the header has 2"},
      {"l1\n0 1\n", "t:1:1: ", "the trace has 1 layer columns (l1, l2, ...), the model has 2"},
      {"a,b\n0,1\n", "t:1:1: ", "expected the columns l1, l2, ..."},
      {"l1,l2\n", "t:2:1: ", "no tokens"},
      {rows + "1,0,0,3 4\n0,0,1,5 6\n",
       "t:4:5: ", "missing layer: token 1 of sequence 0 has no choices in layer 1"},
      {rows + "0,0,0,3 4\n", "t:3:7: ", "choices of layer 0 twice"},
      {rows, "t:1:1: ", "the trace has 1 layers, the model has 2 MoE layers"},
      {"[{\"0\": [[0, 1]], \"1\": [[2, 99]]}]",
       "t:1:1: step 0, layer 1, token 0: ", "expert 99 does not exist"},
      {"[{\"0\": [[0, 1], [1, 2]], \"1\": [[2, 3]]}]",
       "t:1:1: ", "missing layer: token 1 of sequence 0 has no choices in layer 1"},
      {"[{\"first\": [[0, 1]]}]", "t:1:1: step 0: ", "'first' is not a layer number"},
      {"[{\"0\": [[0, \"a\"]]}]", "t:1:1: step 0, layer 0, token 0: ", "found \"a\""},
      {"[{\"0\": [[0, 1]],\n \"1\": [[2,", "t:2:", "truncated"},
      {"{\"layer\": 0, \"batch_id\": 0, \"origin_rows\": [0], \"topk_experts\": [[1, 2]]}\n"
       "{\"layer\": 1, \"batch_id\"",
       "t:2:", "truncated"},
      {"{\"layer\": 0, \"batch_id\": 0, \"origin_rows\": [0]}",
       "t:1:1: ", "missing key 'topk_experts'"},
      {"{\"layer\": 0, \"batch_id\": 0, \"origin_rows\": [0, 1], \"topk_experts\": [[1, 2]]}",
       "t:1:1: ", "2 and 1 items"}};
  for (const auto& c : cases) {
    const auto text = error_text([&] { parse_recorded_trace(c.text, "t", {2, 8, 2}); });
    EXPECT_TRUE(text.starts_with(c.place)) << c.text << "\n  says " << text;
    EXPECT_NE(text.find(c.holds), std::string::npos) << c.text << "\n  says " << text;
  }
}

TEST(RecordedTrace, ReadsTheReferenceTracesAndFindsTheirPublishedReuse) {
  const char* folder = std::getenv("MOESIM_REFERENCE_DATA");
  const auto file = std::string(folder == nullptr ? MOESIM_SOURCE_DIR "/../shared/data" : folder) +
                    "/routing/esft_law.csv.gz";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no reference data: " << file;
  const auto trace = read_recorded_trace(file, {26, 64, 6});
  EXPECT_EQ(trace.tokens(), 8327);
  // Every layer's counts sum to tokens x 6, and a token keeps some of its predecessor's experts:
  // more than the 6 / 64 of independent uniform choices.
  double kept = 0, pairs = 0;
  for (std::int64_t t = 1; t < trace.tokens(); ++t) {
    if (trace.sequence[static_cast<std::size_t>(t)] !=
        trace.sequence[static_cast<std::size_t>(t) - 1])
      continue;
    ++pairs;
    const auto now = trace.choices(0, t), last = trace.choices(0, t - 1);
    for (const auto id : now) kept += std::ranges::find(last, id) != last.end() ? 1 : 0;
  }
  EXPECT_GT(kept / (6 * pairs), 6.0 / 64);
}

}  // namespace
}  // namespace moesim
