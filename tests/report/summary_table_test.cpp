#include "sim/report/summary_table.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "sim/report/headline.hpp"
#include "sim/report/text_table.hpp"
#include "tests/report/sample_result.hpp"

namespace moesim {
namespace {

using testing::sample_result;

/// The first line that starts with `start`, blanks run together.
std::string line_of(const std::string& text, const std::string& start) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(start)) continue;
    std::istringstream words(line);
    std::string out;
    for (std::string word; words >> word;) out += (out.empty() ? "" : " ") + word;
    return out;
  }
  return "(no line " + start + ")";
}

TEST(TextTable, AlignsColumnsAndTrimsLineEnds) {
  TextTable table({{"name", TextTable::kLeft}, {"n"}, {"", TextTable::kLeft}});
  table.add({"é", "12,345", "#"});
  table.add({"longer", "1", ""});
  EXPECT_EQ(table.text(1),
            " name         n\n"
            " -----------------\n"
            " é       12,345  #\n"
            " longer       1\n");
}

TEST(SummaryTable, ReadsInHumanUnits) {
  const auto text = summary_table(sample_result());
  EXPECT_EQ(line_of(text, "requests"), "requests 2 completed of 3, 1 failed, 1 preemptions");
  EXPECT_EQ(line_of(text, "tokens"), "tokens 300 in, 12 out");
  EXPECT_EQ(line_of(text, "simulated"), "simulated 2.00 s on 4 GPUs");
  EXPECT_EQ(line_of(text, "throughput"),
            "throughput 6.00 output tok/s, 1.50 per GPU; 156 total tok/s; 1.00 req/s");
  EXPECT_EQ(line_of(text, "goodput"), "goodput 0.5 req/s within the SLO (50.0 % of the requests)");
  EXPECT_EQ(line_of(text, "latency"), "latency mean p50 p90 p95 p99 max");
  EXPECT_EQ(line_of(text, "TTFT"), "TTFT ms 200 200 280 290 298 300");
  EXPECT_EQ(line_of(text, "TPOT"), "TPOT ms 20.0 20.0 20.0 20.0 20.0 20.0");
  EXPECT_EQ(line_of(text, "queue"), "queue ms 0 0 0 0 0 0");
  EXPECT_EQ(line_of(text, "steps"), "steps 1 prefill, 1 decode, 1 mixed; mean decode step 20.0 ms");
  EXPECT_EQ(line_of(text, "network"),
            "network 1.00 GB over all links; busiest link 50.0 % utilised");
  EXPECT_EQ(line_of(text, "trust"),
            "trust 25.0 % of the time predicted outside the calibrated range");
}

TEST(SummaryTable, DrawsBarsInProportionToTheLongestPhase) {
  const auto text = summary_table(sample_result());
  EXPECT_EQ(line_of(text, "attention"), "attention 300 ms 30.0 % " + std::string(15, '#'));
  EXPECT_EQ(line_of(text, "expert GEMMs"), "expert GEMMs 600 ms 60.0 % " + std::string(30, '#'));
  EXPECT_EQ(line_of(text, "host overhead"), "host overhead 100 ms 10.0 % " + std::string(5, '#'));
}

TEST(SummaryTable, LeavesOutSectionsThatDoNotApply) {
  auto result = sample_result();
  result.moe.reset();
  result.network.reset();
  result.goodput.reset();
  result.time_breakdown_s.clear();
  const auto text = summary_table(result);
  for (const auto* word : {"experts", "network", "goodput", "time by phase"})
    EXPECT_EQ(text.find(word), std::string::npos) << word;
}

TEST(SummaryTable, ShowsATitleThatCannotControlTheTerminal) {
  auto result = sample_result();
  result.title = "a\x1b[2Jb\nrequests 99";
  EXPECT_TRUE(summary_table(result).starts_with("a [2Jb requests 99\n"));
}

TEST(VariantsTable, MarksTheBestOfARowByItsDirection) {
  std::vector<Result> results = {sample_result(), sample_result()};
  results[1].title = "other";
  results[1].output_tokens_per_s = 9;
  results[1].ttft_s.p99 = 0.5;
  const auto text = variants_table(results);
  EXPECT_EQ(line_of(text, "output throughput"), "output throughput 6.00 tok/s 9.00 tok/s*");
  EXPECT_EQ(line_of(text, "TTFT p99"), "TTFT p99 298 ms* 500 ms");
  EXPECT_EQ(line_of(text, "TPOT p99"), "TPOT p99 20.0 ms 20.0 ms");  // a tie has no best
  EXPECT_NE(text.find("* best of the row"), std::string::npos);
}

TEST(VariantsTable, ShowsADashWhereARunHasNoSuchFigure) {
  std::vector<Result> results = {sample_result(), sample_result()};
  results[1].moe.reset();
  EXPECT_EQ(line_of(variants_table(results), "expert imbalance"),
            "expert imbalance (max/mean) 1.25 -");
}

TEST(Headline, BestNeedsTwoDifferentValues) {
  const Headline lower{"x", Headline::Unit::kSeconds, Headline::Better::kLower, true, {}};
  EXPECT_EQ(best_of(lower, {2.0, 1.0, 1.0, std::nullopt}), (std::vector<std::size_t>{1, 2}));
  EXPECT_TRUE(best_of(lower, {1.0, 1.0}).empty());
  EXPECT_TRUE(best_of(lower, {1.0, std::nullopt}).empty());
}

}  // namespace
}  // namespace moesim
