// Published results against simulated ones by the real program: whatever `moesim validate papers`
// finds inside its band stays there, and what it misses is known by name (the scenario's header
// says why).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/cli/run_binary.hpp"

namespace moesim {
namespace {

using testing::run_binary;

const std::set<std::string> kKnownMisses = {"adamoe|32 null, k 6", "expertflow|32, ExpertFlow",
                                            "deepseek-inference|production"};

/// "paper|variant" of the table's rows that end in `word`.
std::set<std::string> rows_that_end_in(const std::string& table, const std::string& word) {
  std::set<std::string> rows;
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (!line.ends_with(" " + word) || line.size() < 48) continue;
    const auto trimmed = [&](std::size_t begin, std::size_t length) {
      auto text = line.substr(begin, length);
      return text.substr(0, text.find_last_not_of(' ') + 1);
    };
    rows.insert(trimmed(0, 18) + "|" + trimmed(19, 28));
  }
  return rows;
}

TEST(PublishedResults, AreInsideTheirBandsButForTheKnownMisses) {
  const auto outcome = run_binary({"validate", "papers", "--jobs", "1"});
  const auto inside = rows_that_end_in(outcome.out, "yes");
  const auto missed = rows_that_end_in(outcome.out, "no");
  EXPECT_GE(inside.size(), 45U) << outcome.out << outcome.err;
  EXPECT_EQ(missed, kKnownMisses) << outcome.out;
}

// Two cards behind one switch load what they would over links of their own, over half the bandwidth
// each: layers wait nearly all of the time, so a token takes nearly twice as long.
TEST(OffloadBehindOneSwitch, MovesTheSameBytesInTwiceTheTime) {
  const std::string file = MOESIM_SOURCE_DIR "/scenarios/examples/offload-one-switch.yaml";
  const auto variant = [&](const std::string& name) {
    const auto outcome = run_binary({"run", file, "--variant", name, "--quiet", "--json", "-"});
    return nlohmann::json::parse(outcome.out);
  };
  const auto apart = variant("a link each"), together = variant("one switch");
  EXPECT_EQ(apart.at("cache").at("bytes_loaded"), together.at("cache").at("bytes_loaded"));
  const double ratio =
      together.at("tpot_s").at("mean").get<double>() / apart.at("tpot_s").at("mean").get<double>();
  EXPECT_GT(ratio, 1.8);
  EXPECT_LE(ratio, 2);
}

}  // namespace
}  // namespace moesim
