// The ledger as a file: read back, compared with another run, drawn.
#include <gtest/gtest.h>

#include "sim/core/error.hpp"
#include "sim/report/ledger.hpp"

namespace moesim {
namespace {

Ledger sample(double median) {
  Ledger ledger{"2026-11-22", "0.1.0", {}};
  ledger.entries.push_back({"serving", "overall", "TPOT", {}, 3, std::nullopt});
  ledger.entries.back().errors = {10, median, 0.2, 0.01};
  ledger.entries.push_back({"network", "1:1", "spray", {}, 0, std::nullopt});
  ledger.entries.back().errors = {5, 0.02, 0.05, 0};
  ledger.points.push_back({"serving", "m on n, vllm", "TPOT", "id 1", 0.010, 0.011, true});
  ledger.points.push_back({"serving", "m on n, trtllm", "TPOT", "id 2", 0.020, 0.018});
  return ledger;
}

TEST(LedgerFile, ReadsWhatItWrote) {
  const auto back = read_ledger(ledger_json(sample(0.08)), "f");
  ASSERT_EQ(back.entries.size(), 2U);
  EXPECT_EQ(back.date, "2026-11-22");
  EXPECT_EQ(back.entries[0].errors.n, 10);
  EXPECT_EQ(back.entries[0].left_out, 3);
  EXPECT_DOUBLE_EQ(back.entries[0].errors.median_abs, 0.08);
  EXPECT_DOUBLE_EQ(back.entries[0].errors.bias, 0.01);
}

TEST(LedgerFile, WhatIsNoLedgerIsRefusedByName) {
  for (const auto* text : {"", "{}", "[1]", R"({"date": "d", "version": 1, "entries": []})",
                           R"({"date": "d", "version": "v", "entries": [{"name": "x"}]})"})
    try {
      read_ledger(text, "old.json");
      FAIL() << text;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("old.json"), std::string::npos);
    }
}

TEST(LedgerFile, ChangesAreListedAndTheRestCounted) {
  auto now = sample(0.12);
  now.entries.push_back({"cache", "lru", "hit rate", {}, 0, std::nullopt});
  const auto text = ledger_changes(sample(0.08), now);
  EXPECT_NE(text.find("1 entries as they were, 1 new"), std::string::npos) << text;
  EXPECT_NE(text.find("serving, overall, TPOT: median 8.0 % -> 12.0 %"), std::string::npos) << text;
  EXPECT_EQ(text.find("network"), std::string::npos) << text;
}

TEST(LedgerFile, ItsPictureHasEveryPointUnderItsRegime) {
  const auto figures = ledger_figures(sample(0.08));
  ASSERT_EQ(figures.size(), 1U);
  EXPECT_EQ(figures[0].name, "accuracy_serving");
  EXPECT_NE(figures[0].data.find("TPOT, m on n, vllm: measured, predicted [ms]\n10\t11\n"),
            std::string::npos)
      << figures[0].data;
  EXPECT_NE(figures[0].script.find("'accuracy_serving.tsv' index 1"), std::string::npos);
  EXPECT_TRUE(ledger_figures({"d", "v", {}, {}}).empty());
}

}  // namespace
}  // namespace moesim
