#include "sim/report/ledger.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace moesim {
namespace {

TEST(ErrorStatistics, AreMedianAndP90OfTheSizeAndMedianOfTheSignedError) {
  // Sizes sorted: 0.1 0.2 0.3 0.4 0.5; p90 at position 0.9 x 4 = 3.6: 0.4 + 0.6 x 0.1.
  // Signed, sorted: -0.5 -0.2 0.1 0.3 0.4.
  const std::vector<double> errors = {0.1, -0.5, 0.3, -0.2, 0.4};
  const auto s = error_statistics(errors);
  EXPECT_EQ(s.n, 5);
  EXPECT_DOUBLE_EQ(s.median_abs, 0.3);
  EXPECT_DOUBLE_EQ(s.p90_abs, 0.46);
  EXPECT_DOUBLE_EQ(s.bias, 0.1);
}

TEST(ErrorStatistics, OfNothingAreZero) {
  const auto s = error_statistics({});
  EXPECT_EQ(s.n, 0);
  EXPECT_EQ(s.median_abs, 0);
}

Ledger sample() {
  Ledger ledger{"2026-01-02", "1.2.3", {}};
  ledger.entries.push_back({"serving", "overall", "TPOT", {4, 0.25, 0.5, -0.125}, 3, std::nullopt});
  ledger.entries.push_back({"serving", "overall", "TTFT", {4, 0.5, 1.5, 0.0}, 3, 0.4});
  ledger.entries.push_back({"serving", "device x", "TPOT", {}, 7, 0.1});
  return ledger;
}

TEST(Ledger, IsWrittenAsJsonWithErrorsAsFractions) {
  const auto json = nlohmann::json::parse(ledger_json(sample()));
  EXPECT_EQ(json["date"], "2026-01-02");
  EXPECT_EQ(json["version"], "1.2.3");
  ASSERT_EQ(json["entries"].size(), 3U);
  const auto& first = json["entries"][0];
  EXPECT_EQ(first["name"], "serving");
  EXPECT_EQ(first["group"], "overall");
  EXPECT_EQ(first["metric"], "TPOT");
  EXPECT_EQ(first["n"], 4);
  EXPECT_EQ(first["left_out"], 3);
  EXPECT_DOUBLE_EQ(first["median_abs_error"].get<double>(), 0.25);
  EXPECT_DOUBLE_EQ(first["p90_abs_error"].get<double>(), 0.5);
  EXPECT_DOUBLE_EQ(first["bias"].get<double>(), -0.125);
  EXPECT_TRUE(first["target"].is_null());
  EXPECT_TRUE(first["pass"].is_null());
}

TEST(Ledger, PassesOnlyWhenTheMedianMeetsTheTarget) {
  const auto json = nlohmann::json::parse(ledger_json(sample()));
  EXPECT_EQ(json["entries"][1]["pass"], false);
  LedgerEntry entry = sample().entries[1];
  entry.target = 0.5;
  EXPECT_EQ(entry.pass(), true);
}

TEST(Ledger, NeverPassesWithoutPoints) {
  const auto json = nlohmann::json::parse(ledger_json(sample()));
  EXPECT_TRUE(json["entries"][2]["median_abs_error"].is_null());
  EXPECT_EQ(json["entries"][2]["pass"], false);
}

TEST(Ledger, PutsTheMetricsOfAGroupSideBySide) {
  const auto ledger = sample();
  EXPECT_EQ(ledger_table(ledger.entries, TableStyle::kMarkdown),
            "| group | points | left out | TPOT median | TPOT p90 | TPOT bias | TTFT median | TTFT "
            "p90 | TTFT bias |\n"
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
            "| overall | 4 | 3 | 25.0 % | 50.0 % | -12.5 % | 50.0 % | 150.0 % | 0.0 % |\n"
            "| device x | 0 | 7 | - | - | - | - | - | - |\n");
}

}  // namespace
}  // namespace moesim
