// Everything under scenarios/ by the real program: it checks, it says what it asks, and it runs to
// the last request, with fewer requests where the whole run is long.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/cli/sweep_plan.hpp"
#include "sim/engine/collective_scenario.hpp"
#include "sim/report/result_figures.hpp"
#include "sim/scenario/document.hpp"
#include "sim/serving/serving.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;

/// Sweeps have a folder of their own.
std::vector<std::string> files_that(bool are_sweeps) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(MOESIM_SOURCE_DIR "/scenarios")) {
    const bool sweep = entry.path().parent_path().filename() == "sweeps";
    if (entry.path().extension() == ".yaml" && sweep == are_sweeps)
      files.push_back(entry.path().string());
  }
  std::ranges::sort(files);
  return files;
}

std::vector<std::string> scenario_files() { return files_that(false); }

struct Outcome {
  int code = -1;
  std::string output;
};

/// The program with these arguments; its error stream goes to the test's.
Outcome moesim(const std::string& arguments) {
  Outcome outcome;
  FILE* pipe = popen(("'" MOESIM_BINARY "' " + arguments).c_str(), "r");
  if (pipe == nullptr) return outcome;
  char buffer[4096];
  for (std::size_t n = 0; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    outcome.output.append(buffer, n);
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

/// One result per variant.
std::vector<nlohmann::json> run(const std::string& file, const std::string& options) {
  const auto outcome = moesim("run '" + file + "' --quiet --json - " + options);
  EXPECT_EQ(outcome.code, 0);
  if (outcome.code != 0) return {};
  auto json = nlohmann::json::parse(outcome.output);
  if (!json.is_array()) return {json};
  return json.get<std::vector<nlohmann::json>>();
}

void expect_complete(const nlohmann::json& result, std::int64_t requests) {
  SCOPED_TRACE(result.at("scenario").at("title"));
  EXPECT_EQ(result.at("requests").at("submitted"), requests);
  EXPECT_EQ(result.at("requests").at("completed"), requests);
  EXPECT_EQ(result.at("requests").at("failed"), 0);
  EXPECT_GE(result.at("tokens").at("output").get<std::int64_t>(), requests);
  EXPECT_GT(result.at("simulated_s").get<double>(), 0);
}

std::string reference_workload() {
  const char* given = std::getenv("MOESIM_REFERENCE_DATA");
  const fs::path data = given != nullptr ? given : MOESIM_SOURCE_DIR "/../shared/data";
  return (data / "e2e/llmservingsim-rtxpro6000-qwen3-30b-a3b/workload.csv").string();
}

const std::string kQuickstart = MOESIM_SOURCE_DIR "/scenarios/quickstart.yaml";
const std::string kChat = MOESIM_SOURCE_DIR "/scenarios/examples/qwen3-30b-chat.yaml";

bool is_study(const std::string& file) { return kind_of(load_document(file, {})) == "collective"; }

class EveryScenario : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryScenario, ChecksWithoutComplaint) {
  const auto outcome = moesim("check '" + GetParam() + "'");
  EXPECT_EQ(outcome.code, 0);
  const auto* section = is_study(GetParam()) ? "collectives:" : "workload:";
  EXPECT_NE(outcome.output.find(section), std::string::npos) << outcome.output;
}

TEST_P(EveryScenario, SaysWhatItIsAndWhatItAsks) {
  for (const auto& variant : expand_variants(load_document(GetParam(), {}), {})) {
    SCOPED_TRACE(variant.name);
    for (const auto* key : {"title", "question"}) {
      const Node* text = variant.scenario.find(key);
      ASSERT_NE(text, nullptr) << "no " << key;
      EXPECT_GT(text->text.size(), 10U) << key;
    }
    EXPECT_TRUE(variant.scenario.find("question")->text.ends_with("?"));
  }
}

TEST_P(EveryScenario, CompletesEveryCollectiveUnderEveryTransport) {
  if (!is_study(GetParam())) GTEST_SKIP() << "a serving scenario";
  for (const auto& result : run(GetParam(), "-s samples=1")) {
    EXPECT_GE(result.at("outcomes").size(), 1U);
    for (const auto& outcome : result.at("outcomes")) {
      EXPECT_GT(outcome.at("completion_s").at("mean").get<double>(), 0) << outcome.at("collective");
      EXPECT_GT(outcome.at("bytes").get<double>(), 0) << outcome.at("collective");
    }
  }
}

TEST_P(EveryScenario, CompletesAllRequestsOfEveryVariant) {
  if (is_study(GetParam())) GTEST_SKIP() << "a study without requests";
  const auto variants = expand_variants(load_document(GetParam(), {}), {});
  const auto results = run(GetParam(), "-s workload.requests=48");
  ASSERT_EQ(results.size(), variants.size());
  for (const auto& result : results) expect_complete(result, 48);
}

INSTANTIATE_TEST_SUITE_P(Scenarios, EveryScenario, ::testing::ValuesIn(scenario_files()),
                         [](const auto& given) {
                           std::string name =
                               fs::relative(given.param, MOESIM_SOURCE_DIR "/scenarios").string();
                           for (char& c : name)
                             if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
                           return name;
                         });

std::string name_of_file(const ::testing::TestParamInfo<std::string>& given) {
  auto name = fs::path(given.param).stem().string();
  std::ranges::replace(name, '-', '_');
  return name;
}

class EverySweep : public ::testing::TestWithParam<std::string> {};

TEST_P(EverySweep, AsksAQuestionAboutDesignsThatCanBeBuilt) {
  SweepPlan plan(read_sweep_file(GetParam(), {}, figure_names));
  EXPECT_TRUE(plan.file.question.ends_with("?"));
  EXPECT_GT(plan.file.title.size(), 10U);
  read_points(plan);
  EXPECT_GE(plan.points.size(), 20U);
  for (const auto& point : plan.points) EXPECT_EQ(point.error, "") << point.label;
  const Node document = plan.space.point_document(plan.points.size() / 2);
  if (kind_of(document) == "collective")
    EXPECT_NO_THROW(Network(read_collective_scenario(document).cluster));
  else
    EXPECT_NO_THROW(Serving(read_serving_scenario(document), places_of(document)));
}

INSTANTIATE_TEST_SUITE_P(Scenarios, EverySweep, ::testing::ValuesIn(files_that(true)),
                         name_of_file);

TEST(Scenarios, AreFoundByTheirFolder) {
  const auto files = scenario_files();
  EXPECT_TRUE(std::ranges::binary_search(files, kQuickstart));
  EXPECT_TRUE(std::ranges::binary_search(files, kChat));
}

TEST(Quickstart, CompletesItsFiveHundredRequestsWithinItsSlo) {
  const auto results = run(kQuickstart, "");
  ASSERT_EQ(results.size(), 1U);
  expect_complete(results.front(), 500);
  EXPECT_EQ(results.front().at("ttft_s").at("count"), 500);
  EXPECT_GT(results.front().at("goodput").at("fraction").get<double>(), 0.9);
}

// 300 requests with 258,691 prompt and 199,486 generated tokens are the sums of the recording's
// columns (LLMServingSim, commit 5daddb21a545).
TEST(QwenChat, ReplaysTheRecordedWorkloadToTheLastToken) {
  const auto trace = reference_workload();
  if (!fs::exists(trace)) GTEST_SKIP() << "no " << trace << " (set MOESIM_REFERENCE_DATA)";
  const auto results = run(kChat, "-s 'workload.trace=" + trace + "' -s workload.requests=300");
  ASSERT_EQ(results.size(), 1U);
  expect_complete(results.front(), 300);
  EXPECT_EQ(results.front().at("tokens").at("input"), 258691);
  EXPECT_EQ(results.front().at("tokens").at("output"), 199486);
}

TEST(QwenChat, DrawsLengthsLikeTheRecording) {
  const auto results = run(kChat, "");
  ASSERT_EQ(results.size(), 1U);
  expect_complete(results.front(), 300);
  // Answers deviate by 0.17 of their mean, so 300 of them by 1 %: five standard errors.
  EXPECT_NEAR(results.front().at("tokens").at("output").get<double>(), 199486, 0.05 * 199486);
}

}  // namespace
}  // namespace moesim
