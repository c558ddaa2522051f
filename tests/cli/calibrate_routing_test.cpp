// `moesim calibrate routing` with traces that are wrong: one line that says where and what, exit
// code 2, and no profile.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "sim/routing/routing_profile.hpp"
#include "tests/cli/run_binary.hpp"

namespace moesim {
namespace {

using testing::run_binary;
using testing::TemporaryDirectory;
using testing::write_file;

class CalibrateRouting : public ::testing::Test {
 protected:
  /// Runs it on `text` with more arguments; {trace} and {out} are paths.
  void expect_refused(const std::string& text, std::vector<std::string> more,
                      const std::string& holds) {
    SCOPED_TRACE(text);
    const auto trace = write_file(directory_, "trace.csv", text);
    const auto profile = directory_.file("profile.yaml");
    std::vector<std::string> arguments = {"calibrate", "routing", trace, "--out", profile};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto outcome = run_binary(arguments);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_TRUE(outcome.err.starts_with("moesim: ")) << outcome.err;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    EXPECT_NE(outcome.err.find(holds), std::string::npos) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(profile)) << "a profile of a trace that is wrong";
  }
  TemporaryDirectory directory_;
};

TEST_F(CalibrateRouting, SaysWhereATraceIsWrong) {
  expect_refused("l1,l2\n0 9,1 2\n", {"--experts", "8"},
                 "trace.csv:2:3: expert 9 does not exist: the model has 8");
  expect_refused("l1,l2\n0 1,2 x\n", {}, "trace.csv:2:7: 'x' is not an expert id");
  expect_refused("l1,l2\n0 1,2 3\n4 5\n", {}, "trace.csv:3:");
  expect_refused("a,b\n1,2\n", {}, "trace.csv:1:1: no recorded choices: expected the columns l1");
  expect_refused("l1,l2\n", {}, "no tokens");
  expect_refused("l1,l2\n0 1,1 2\n", {}, "trace.csv:1:1: one token");
}

// Nothing can be said of the popularity of experts that every token has.
TEST_F(CalibrateRouting, WritesAProfileThatCanBeReadOfExpertsThatAreAllAlike) {
  std::string text = "l1,l2\n";
  for (int token = 0; token < 60; ++token) text += "0 1,0 1\n";
  const auto trace = write_file(directory_, "trace.csv", text);
  const auto profile = directory_.file("profile.yaml");
  const auto outcome = run_binary({"calibrate", "routing", trace, "--out", profile});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NO_THROW(read_routing_profile(profile));
}

TEST_F(CalibrateRouting, RefusesTracesThatAreNotOfOneModel) {
  const auto other = write_file(directory_, "other.csv", "l1\n0 1\n2 3\n");
  expect_refused("l1,l2\n0 1,1 2\n1 2,3 0\n", {other}, "traces of one model are fitted together");
  expect_refused("l1,l2\n0 1,1 2\n", {directory_.file("nothing.csv")},
                 "nothing.csv: cannot read: No such file");
}

TEST_F(CalibrateRouting, RefusesCountsThatNoTokenCanHaveGiven) {
  const std::string header = "model,domain,layer,expert,count\n";
  const std::vector<std::string> options = {"--counts", "--model", "m", "--top-k", "2"};
  expect_refused(header + "m,d,0,0,5\nm,d,0,1,-5\n", options,
                 "trace.csv:3:9: a count must not be negative");
  expect_refused(header + "m,d,0,0,5\n", options,
                 "model 'm', domain 'd', layer 0 has 1 experts, fewer than the 2 of a token");
  expect_refused(header + "m,d,0,0,0\nm,d,0,1,0\n", options, "no counts above 0");
  expect_refused(header + "other,d,0,0,5\n", options, "no rows of model 'm'");
  expect_refused(header + "m,d,0,0,5\n", {"--counts"}, "--counts takes one table, --model");
}

}  // namespace
}  // namespace moesim
