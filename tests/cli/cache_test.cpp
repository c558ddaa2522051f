// `moesim cache`: the table, the files it leaves, and what it refuses.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/cli/run_binary.hpp"

namespace moesim {
namespace {

using testing::run_binary;

class CacheCommand : public ::testing::Test {
 protected:
  CacheCommand() {
    std::string text = "seq,l1,l2\n";
    for (int t = 0; t < 60; ++t)
      text += std::to_string(t / 30) + "," + std::to_string(t % 7) + " " +
              std::to_string((t + 3) % 7) + "," + std::to_string(t / 4 % 8) + " " +
              std::to_string((t / 4 + 1) % 8) + "\n";
    trace_ = testing::write_file(directory_, "choices.csv", text);
  }
  testing::TemporaryDirectory directory_;
  std::string trace_;
};

TEST_F(CacheCommand, PrintsOneRowPerPolicyAndOneColumnPerSize) {
  const auto outcome = run_binary({"cache", trace_, "--slots", "2,4,8"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  for (const char* word : {"60 tokens in 2 sequences", "2 MoE layers, 8 experts, top 2", "lru ",
                           "belady ", "activation-match ", "4 slots", "2.00"})
    EXPECT_NE(outcome.out.find(word), std::string::npos) << word << "\n" << outcome.out;
  EXPECT_NE(outcome.err.find("accesses per second"), std::string::npos);
}

TEST_F(CacheCommand, WritesTheCurvesAndThePicture) {
  const auto out = directory_.file("out");
  const auto outcome = run_binary({"cache", trace_, "--policy", "lru", "--policy",
                                   "{type: belady, look_ahead: 2}", "--out", out});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(std::filesystem::exists(out + "/hit_rate.svg"));
  const auto csv = testing::file_text(out + "/hit_rate.csv");
  EXPECT_TRUE(csv.starts_with("policy,slots_per_layer,hit_rate\nlru,2,")) << csv;
  EXPECT_NE(csv.find("\nbelady,8,"), std::string::npos) << csv;
}

TEST_F(CacheCommand, RefusesWhatHasNoAnswer) {
  const auto small = run_binary({"cache", trace_, "--slots", "1", "--arrival", "together"});
  EXPECT_EQ(small.code, 2);
  EXPECT_NE(small.err.find("1 slots per layer hold less than one token needs: 2 experts"),
            std::string::npos)
      << small.err;
  const auto large = run_binary({"cache", trace_, "--slots", "9"});
  EXPECT_EQ(large.code, 2);
  EXPECT_NE(large.err.find("a layer has only 8 experts"), std::string::npos) << large.err;
  const auto policy = run_binary({"cache", trace_, "--policy", "lur"});
  EXPECT_EQ(policy.code, 2);
  EXPECT_NE(policy.err.find("did you mean 'lru'"), std::string::npos) << policy.err;
  EXPECT_EQ(run_binary({"cache", directory_.file("none.csv")}).code, 2);
}

}  // namespace
}  // namespace moesim
