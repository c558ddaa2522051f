#include "sim/report/figure.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <sstream>

#include "sim/core/error.hpp"
#include "sim/core/output_file.hpp"
#include "sim/core/text_file.hpp"
#include "sim/report/figure_kinds.hpp"
#include "sim/report/gnuplot.hpp"
#include "tests/report/sample_result.hpp"
#include "tests/report/temporary_directory.hpp"

namespace moesim {
namespace {

using testing::sample_result;
using testing::TemporaryDirectory;

std::vector<std::vector<double>> rows_of(const std::string& data) {
  std::vector<std::vector<double>> rows;
  std::istringstream lines(data);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    rows.emplace_back();
    std::istringstream words(line);
    for (double value = 0; words >> value;) rows.back().push_back(value);
  }
  return rows;
}

std::vector<std::string> names_of(const std::vector<Figure>& figures) {
  std::vector<std::string> names;
  for (const auto& figure : figures) names.push_back(figure.name);
  return names;
}

TEST(Figures, OfOneRunAndOfSeveral) {
  const std::vector<Result> two = {sample_result(), sample_result()};
  EXPECT_EQ(names_of(figures_of(std::span(two).first(1))),
            (std::vector<std::string>{"latency_cdf", "load", "step_time", "expert_load"}));
  EXPECT_EQ(names_of(figures_of(two)),
            (std::vector<std::string>{"comparison", "latency_cdf", "step_time"}));
  auto dense = sample_result();
  dense.expert_load_tokens.clear();
  dense.steps.clear();
  EXPECT_EQ(names_of(figures_of({&dense, 1})),
            (std::vector<std::string>{"latency_cdf", "step_time"}));
}

TEST(LatencyFigure, IsTheEmpiricalDistribution) {
  const auto result = sample_result();
  EXPECT_EQ(rows_of(latency_figure({&result, 1}).data),
            (std::vector<std::vector<double>>{
                {100, 0.5}, {300, 1}, {20, 1}, {300, 0.5}, {300, 1}}));  // TTFT, TPOT, E2E in ms
}

TEST(LatencyFigure, ThinsLongRunsButKeepsBothEnds) {
  auto result = sample_result();
  result.requests.assign(10000, result.requests[0]);
  for (std::size_t i = 0; i < result.requests.size(); ++i)
    result.requests[i].ttft_s = 0.001 * static_cast<double>(i + 1);
  const auto rows = rows_of(latency_figure({&result, 1}).data);
  EXPECT_LT(rows.size(), 1600u);
  EXPECT_DOUBLE_EQ(rows[0][0], 0.001);  // median of 5 s: the axis is in seconds
  EXPECT_DOUBLE_EQ(rows[499][0], 10);
  EXPECT_DOUBLE_EQ(rows[499][1], 1);
}

TEST(LoadFigure, ConservesTokens) {
  auto result = sample_result();
  result.steps.push_back({1, 0.05, 1.9, 50, 7, 3, 2, 0.9});  // a second group, overlapping
  const auto rows = rows_of(load_figure(result).data);
  const double width = 2 * rows[0][0];
  double prefill = 0;
  double decode = 0;
  double fullest = 0;
  for (const auto& row : rows) {
    prefill += row[1] * width;
    decode += row[2] * width;
    fullest = std::max(fullest, row[5]);
  }
  EXPECT_NEAR(prefill, 350, 1e-9 * 350);
  EXPECT_NEAR(decode, 9, 1e-9 * 9);
  EXPECT_NEAR(fullest, 90, 1e-9);
}

TEST(LoadFigure, AddsTheQueuesOfAllGroups) {
  auto result = sample_result();
  result.simulated_s = 1.2;
  result.steps = {{0, 0, 1.2, 0, 4, 4, 1, 0.5}, {1, 0, 1.2, 0, 2, 2, 3, 0.25}};
  for (const auto& row : rows_of(load_figure(result).data)) {
    EXPECT_NEAR(row[2], 5, 1e-9);  // 6 tokens in 1.2 s
    EXPECT_NEAR(row[3], 6, 1e-9);
    EXPECT_NEAR(row[4], 4, 1e-9);
    EXPECT_NEAR(row[5], 50, 1e-9);
  }
}

TEST(ExpertFigure, IsRelativeToTheMeanOfTheLayer) {
  const auto figure = expert_figure(sample_result());
  EXPECT_EQ(rows_of(figure.data), (std::vector<std::vector<double>>{{0.5, 1, 1.5}, {0, 2, 1}}));
  EXPECT_NE(figure.script.find("set ytics ('1' 0, '3' 1)"), std::string::npos);  // layer numbers
}

TEST(BreakdownFigure, StacksMillisecondsPerStep) {
  const auto result = sample_result();  // 0.3 s, 0.6 s and 0.1 s over 3 steps
  const auto rows = rows_of(breakdown_figure({&result, 1}).data);
  EXPECT_DOUBLE_EQ(rows[0][1], 0);
  EXPECT_DOUBLE_EQ(rows[0][2], 100);
  EXPECT_DOUBLE_EQ(rows[1][1], 100);
  EXPECT_DOUBLE_EQ(rows[1][2], 300);
  EXPECT_NEAR(rows[2][2], 1000.0 / 3, 1e-9);
}

TEST(BreakdownFigure, PutsTheSmallestPhasesTogether) {
  auto result = sample_result();
  result.time_breakdown_s.clear();
  for (int i = 1; i <= 10; ++i)
    result.time_breakdown_s.emplace_back("phase" + std::to_string(i), 0.3 * i);
  const auto figure = breakdown_figure({&result, 1});
  EXPECT_NE(figure.script.find("phase[8] = \"other\""), std::string::npos);
  EXPECT_EQ(figure.script.find("\"phase3\""), std::string::npos);
  EXPECT_NE(figure.script.find("\"phase4\""), std::string::npos);
  const auto rows = rows_of(figure.data);
  EXPECT_NEAR(rows[7][2], 5500, 1e-6);  // nothing is lost: 0.3 * 55 / 3 s
  EXPECT_NEAR(rows[7][2] - rows[7][1], 600, 1e-6);
}

TEST(RoundStep, IsOneTwoOrFiveTimesAPowerOfTen) {
  EXPECT_DOUBLE_EQ(round_step(0.03), 0.05);
  EXPECT_DOUBLE_EQ(round_step(1), 1);
  EXPECT_DOUBLE_EQ(round_step(1.1), 2);
  EXPECT_DOUBLE_EQ(round_step(612), 1000);
  EXPECT_DOUBLE_EQ(round_step(0), 1);
}

TEST(DrawFigures, WritesScriptDataAndBothPictures) {
  const TemporaryDirectory directory;
  const std::vector<Result> two = {sample_result(), sample_result()};
  auto figures = figures_of(two);
  for (auto& figure : figures_of(std::span(two).first(1))) {
    figure.name = figure.name == "load" || figure.name == "expert_load" ? figure.name : "";
    if (!figure.name.empty()) figures.push_back(figure);
  }
  draw_figures(figures, directory.file("plots"));
  for (const auto& figure : figures) {
    const auto base = directory.file("plots/" + figure.name);
    EXPECT_EQ(read_text_file(base + ".gp"), figure.script);
    EXPECT_EQ(read_text_file(base + ".tsv"), figure.data);
    EXPECT_EQ(read_text_file(base + ".png").substr(1, 3), "PNG");
    const auto svg = read_text_file(base + ".svg");
    EXPECT_NE(svg.find("<svg"), std::string::npos);
    EXPECT_NE(svg.find("</svg>"), std::string::npos) << figure.name << " is cut short";
  }
}

TEST(DrawFigures, ShowsAnyTitleAsItIs) {
  const TemporaryDirectory directory;
  auto result = sample_result();
  const auto trap = directory.file("trap");
  result.title = "'; system('touch " + trap + "') `touch " + trap + "` {x}_2 %d @y \\ \"";
  draw_figures(figures_of({&result, 1}), directory.path());
  EXPECT_FALSE(std::filesystem::exists(trap));
  EXPECT_NE(read_text_file(directory.file("step_time.svg"))
                .find("Where a step's time goes: '; system('touch"),
            std::string::npos);
  result.title = "{x}_2^3 %d @y \\ \" é";
  draw_figures(figures_of({&result, 1}), directory.path());
  for (const auto* name : {"latency_cdf.svg", "load.svg", "step_time.svg", "expert_load.svg"})
    EXPECT_NE(read_text_file(directory.file(name)).find("{x}_2^3 %d @y \\ \" é<"),
              std::string::npos)
        << name;
}

TEST(DrawFigures, KeepScriptAndDataWhenGnuplotIsMissing) {
  const TemporaryDirectory directory;
  setenv("PATH", directory.path().c_str(), 1);  // every test has a process of its own
  const auto result = sample_result();
  try {
    draw_figures(figures_of({&result, 1}), directory.path());
    FAIL() << "drawn without gnuplot";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "gnuplot: not found; plots need it (Debian: apt-get install gnuplot-nox)");
  }
  EXPECT_TRUE(std::filesystem::exists(directory.file("expert_load.gp")));
  EXPECT_TRUE(std::filesystem::exists(directory.file("expert_load.tsv")));
}

TEST(DrawFigures, DrawsARunOfOneTokenThatTookNoTime) {
  const TemporaryDirectory directory;
  Result result;
  result.requests = {{0, 0, 1, 1, 0, 0, 0, 0, 0, 0}};
  result.ttft_s.count = result.e2e_s.count = 1;
  result.steps = {{0, 0, 0.01, 1, 0, 1, 0, 0}};
  result.prefill_steps = 1;
  result.time_breakdown_s = {{"attention", 0}, {"experts", 0.01}};
  result.expert_load_tokens = {{0}};
  const auto figures = figures_of({&result, 1});
  ASSERT_EQ(figures.size(), 4u);
  draw_figures(figures, directory.path());
  for (const auto& figure : figures)
    EXPECT_NE(read_text_file(directory.file(figure.name + ".svg")).find("</svg>"),
              std::string::npos)
        << figure.name;
}

TEST(DrawFigures, SaysWhatGnuplotSaidAndLeavesNoHalfPicture) {
  const TemporaryDirectory directory;
  const std::vector<Figure> broken = {
      {"bad", "", "set terminal svg\nset output 'bad.svg'\nplot nonsense(\n", ""}};
  try {
    draw_figures(broken, directory.path());
    FAIL() << "a broken script passed";
  } catch (const SimulationError& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find("gnuplot failed on " + directory.path() + "/bad.gp: "), std::string::npos);
    EXPECT_NE(what.find("line 3"), std::string::npos) << what;
  }
  EXPECT_FALSE(std::filesystem::exists(directory.file("bad.svg")));
}

}  // namespace
}  // namespace moesim
