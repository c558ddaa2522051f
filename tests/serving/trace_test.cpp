#include "sim/serving/trace.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>

#include "sim/core/error.hpp"
#include "sim/core/random.hpp"

namespace moesim {
namespace {

std::string error_of(const std::string& text) {
  try {
    parse_trace(text, "t.csv");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

const std::string plain = "arrival_s,input_tokens,output_tokens\n";

TEST(Trace, ReadsAzureDatesFromTheFirstRow) {
  const auto trace = parse_trace(
      "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
      "2023-11-16 23:59:59.9000000,374,44\r\n"
      "2023-11-17 00:00:01.1500001,396,109",
      "azure.csv");
  ASSERT_EQ(trace.size(), 2u);
  EXPECT_EQ(trace[0].arrival.value, 0);
  EXPECT_EQ(trace[1].arrival.value, 1.2500001);
  EXPECT_EQ(trace[1].input, 396);
  EXPECT_EQ(trace[1].output, 109);
}

TEST(Trace, ReadsDatesWithAUtcMarkAcrossALeapDay) {
  const auto trace = parse_trace(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n"
      "2024-02-28 12:00:00+00:00,1,1\n"
      "2024-03-01T12:00:00.5Z,1,1\n",
      "azure.csv");
  EXPECT_EQ(trace[1].arrival.value, 2 * 86400 + 0.5);
}

TEST(Trace, ReadsEveryRelativeFormWithItsOwnUnit) {
  const auto check = [](const std::string& text) {
    const auto trace = parse_trace(text, "t");
    ASSERT_EQ(trace.size(), 2u) << text;
    EXPECT_DOUBLE_EQ(trace[0].arrival.value, 0.5) << text;
    EXPECT_DOUBLE_EQ(trace[1].arrival.value, 3.0) << text;
    EXPECT_EQ(trace[0].input, 10) << text;
    EXPECT_EQ(trace[0].output, 2) << text;
  };
  check("timestamp_ms,input_length,output_length\n500,10,2\n3000,11,3\n");
  check("index,arrival_time_ns,input_toks,output_toks\n0,500000000,10,2\n1,3000000000,11,3\n");
  check("output_tokens,note,arrival_s,input_tokens\n2,a,0.5,10\n3,b,3,11\n");
  check(
      "{\"timestamp\": 500, \"input_length\": 10, \"output_length\": 2, \"hash_ids\": [1, "
      "{\"timestamp\": 7}]}\n"
      "{\"hash_ids\": [], \"output_length\": 3, \"input_length\": 11, \"timestamp\": 3000}\n");
}

TEST(Trace, TakesQuotesBlanksByteOrderMarksAndEmptyLines) {
  const auto trace = parse_trace(
      "\xEF\xBB\xBF\"arrival_s\", input_tokens ,output_tokens,note\n\n 1.5 ,\"10\",2,\"a, "
      "\"\"b\"\"\"\n\n",
      "t");
  ASSERT_EQ(trace.size(), 1u);
  EXPECT_EQ(trace[0].arrival.value, 1.5);
  EXPECT_EQ(trace[0].input, 10);
}

TEST(Trace, SortsRowsByArrivalAndKeepsTheOrderOfEqualOnes) {
  const auto trace = parse_trace(plain + "2,1,1\n1,2,1\n2,3,1\n1,4,1\n", "t");
  std::vector<std::int64_t> inputs;
  for (const auto& request : trace) inputs.push_back(request.input);
  EXPECT_EQ(inputs, (std::vector<std::int64_t>{2, 4, 1, 3}));
}

TEST(Trace, CountsDatesFromTheEarliestRowWhereverItStands) {
  const auto trace = parse_trace(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 10:00:02,1,1\n2023-11-16 10:00:00,2,1\n",
      "t");
  EXPECT_EQ(trace[0].arrival.value, 0);
  EXPECT_EQ(trace[0].input, 2);
  EXPECT_EQ(trace[1].arrival.value, 2);
}

TEST(Trace, RefusesEachKindOfBadFileAtItsPlace) {
  struct Case {
    std::string text, expected;
  };
  const std::vector<Case> cases = {
      {"TIMESTAMP,ContextTokens,GeneratedTokens\n9023-02-28 00:00:00,1,1\n",
       "t.csv:2:1: expected a date"},
      {"", "t.csv:1:1: empty trace"},
      {" \n\n", "t.csv:1:1: empty trace"},
      {plain, "t.csv:2:1: empty trace: no requests after the header"},
      {"1,2,3\n", "t.csv:1:1: the header names no column with the arrival time"},
      {"arrival_s,input_token,output_tokens\n",
       "t.csv:1:11: the header names no column with the input tokens; nearest is 'input_token'; "
       "did you mean 'input_tokens'?"},
      {"arrival_s,timestamp_ms,input_tokens,output_tokens\n",
       "t.csv:1:11: 'arrival_s' and 'timestamp_ms' both give the arrival time"},
      {plain + "1,2,3\n1,2\n", "t.csv:3:3: 2 cells, but the header has 3"},
      {plain + "1,2,3,4\n", "t.csv:2:7: 4 cells, but the header has 3"},
      {plain + "1,x,3\n", "t.csv:2:3: expected input tokens (a whole number), found 'x'"},
      {plain + "1,2.5,3\n", "t.csv:2:3: expected input tokens (a whole number), found '2.5'"},
      {plain + "1,,3\n", "t.csv:2:3: expected input tokens (a whole number), found an empty cell"},
      {plain + "1,2,0\n", "t.csv:2:5: output tokens: 0, but a request has at least 1"},
      {plain + "1,-2,3\n", "t.csv:2:3: input tokens: -2, but a request has at least 1"},
      {plain + "1,99999999999999999999,3\n",
       "t.csv:2:3: input tokens: 99999999999999999999 is more than"},
      {plain + "1,2000000000,3\n", "t.csv:2:3: input tokens: 2000000000 is more than"},
      {plain + "-1,2,3\n", "t.csv:2:1: arrival time -1 is negative"},
      {plain + "nan,2,3\n", "t.csv:2:1: expected an arrival time"},
      {plain + "1e400,2,3\n", "t.csv:2:1: expected an arrival time"},
      {plain + "1e10,2,3\n", "t.csv:2:1: arrival time 1e10 is out of range"},
      {plain + "1,\"2,3\n", "t.csv:2:3: the quote of this cell does not end"},
      {"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-13-01 00:00:00,1,1\n",
       "t.csv:2:1: expected a date"},
      {"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-02-29 00:00:00,1,1\n",
       "t.csv:2:1: expected a date"},
      {"TIMESTAMP,ContextTokens,GeneratedTokens\n17:03.9,1,1\n", "t.csv:2:1: expected a date"},
      {"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.,1,1\n",
       "t.csv:2:1: expected a date"},
      {"TIMESTAMP,ContextTokens,GeneratedTokens\n-023-11-16 18:17:03,1,1\n",
       "t.csv:2:1: expected a date"},
      {"{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1}\n{\"timestamp\": 0, "
       "\"input_length\": ,}\n",
       "t.csv:2:34: not a JSON object"},
      {"{\"timestamp\": 0, \"input_length\": 1}\n", "t.csv:1:1: the line has no 'output_length'"},
      {"{\"timestamp\": 0, \"timestamp\": 1, \"input_length\": 1, \"output_length\": 1}\n",
       "t.csv:1:2: key 'timestamp' appears twice"},
      {"{\"timestamp\": 0, \"input_length\": \"7\", \"output_length\": 1}\n",
       "t.csv:1:18: expected input tokens (a whole number), found '\"7\"'"},
      {"{\"timestamp\": 0, \"input_length\": [7], \"output_length\": 1}\n",
       "t.csv:1:18: expected input tokens"},
  };
  for (const auto& [text, expected] : cases) {
    const auto message = error_of(text);
    EXPECT_TRUE(message.starts_with(expected))
        << "for: " << text << "\nexpected: " << expected << "\nfound:    " << message;
  }
}

TEST(Trace, ReadsGzipLikePlainText) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "trace_test.csv.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  const std::string text = plain + "0.25,7,9\n";
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  const auto trace = read_trace(path);
  ASSERT_EQ(trace.size(), 1u);
  EXPECT_EQ(trace[0].output, 9);
}

TEST(Trace, ReadsOrRefusesAnyDamagedFileWithAPlace) {
  const std::vector<std::string> originals = {
      "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 23:59:59.9000000,374,44\r\n",
      "{\"timestamp\": 5, \"input_length\": 10, \"output_length\": 2, \"hash_ids\": [1, 2]}\n",
      "index,arrival_time_ns,input_toks,output_toks\n0,500000000,10,2\n1,3000000000,\"11\",3\n"};
  using namespace std::string_literals;
  const auto bytes = "\0\n\r,\"{}[]-+.eE09:Zz \\\xff"s;
  const RandomStream random(1, stream_id("trace damage"));
  int read = 0, refused = 0;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    auto text = originals[random.below(4 * i, originals.size())];
    const auto at = random.below(4 * i + 1, text.size());
    const auto what = random.below(4 * i + 2, 3);
    if (what == 0) text[at] = bytes[random.below(4 * i + 3, bytes.size())];
    if (what == 1) text.erase(at, 1 + random.below(4 * i + 3, 20));
    if (what == 2) text.insert(at, 1, bytes[random.below(4 * i + 3, bytes.size())]);
    try {
      for (const auto& request : parse_trace(text, "t")) {
        ASSERT_GE(request.input, 1);
        ASSERT_GE(request.output, 1);
        ASSERT_GE(request.arrival.value, 0);
      }
      ++read;
    } catch (const InputError& error) {
      ASSERT_TRUE(std::string(error.what()).starts_with("t:")) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(read, 1000);
  EXPECT_GT(refused, 1000);
}

TEST(Trace, NamesAFileThatCannotBeRead) {
  try {
    read_trace("/nonexistent/trace.csv");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with("/nonexistent/trace.csv: cannot read"))
        << error.what();
  }
}

}  // namespace
}  // namespace moesim
