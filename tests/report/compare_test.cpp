#include "sim/report/compare.hpp"

#include <gtest/gtest.h>

#include "sim/core/error.hpp"
#include "sim/core/output_file.hpp"
#include "sim/report/result_json.hpp"
#include "tests/report/sample_result.hpp"
#include "tests/report/temporary_directory.hpp"

namespace moesim {
namespace {

using testing::sample_result;

SavedResult saved(const Result& result, const std::string& path) {
  return parse_result_json(result_json(result), path);
}

const FigureRow& row(const Comparison& comparison, const std::string& key) {
  for (const auto& figure : comparison.figures)
    if (figure.key == key) return figure;
  throw std::runtime_error("no row " + key);
}

std::string refusal(const std::string& text) {
  try {
    parse_result_json(text, "r.json");
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(SavedResult, ReadsBackEveryFigureOfAFile) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.file("a.json");
  write_output_file(path, result_json(sample_result()));
  const auto read = read_result_json(path);
  EXPECT_EQ(read.path, path);
  const auto find = [&](const std::string& key) {
    for (const auto& [name, value] : read.figures)
      if (name == key) return value;
    return -1.0;
  };
  EXPECT_EQ(find("ttft_s.p99"), 0.298);
  EXPECT_EQ(find("time_breakdown_s.host overhead"), 0.1);
  EXPECT_EQ(find("requests.failed"), 1);
  EXPECT_EQ(find("seed"), -1);  // an input, not a figure
  EXPECT_EQ(find("scenario.ratio"), -1);
}

TEST(SavedResult, NamesThePlaceOfASyntaxError) {
  EXPECT_EQ(refusal("{\n  \"schema\": 1,\n  oops\n}").substr(0, 17), "r.json:3:3: not J");
  EXPECT_EQ(refusal("").substr(0, 20), "r.json:1:1: not JSON");
}

TEST(SavedResult, RefusesJsonThatIsNotAResult) {
  EXPECT_EQ(refusal("[1]"), "r.json: not a moesim result: the top level is not an object");
  EXPECT_EQ(refusal("{\"duration\": 1}"),
            "r.json: not a moesim result: it has no key 'schema' (write one with 'moesim run FILE "
            "--json PATH')");
  EXPECT_EQ(refusal("{\"schema\": \"other-3\"}"),
            "r.json: not a moesim result: its schema is \"other-3\", this version reads "
            "\"moesim-result-1\"");
  EXPECT_EQ(refusal(std::string(100000, '[')), "r.json: not a moesim result: nested too deeply");
}

TEST(SavedResult, NamesAFileThatIsNotThere) {
  try {
    read_result_json("/nowhere/r.json");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "/nowhere/r.json: cannot read: No such file or directory");
  }
}

TEST(Compare, GivesTheDifferenceAbsoluteAndRelative) {
  auto b = sample_result();
  b.ttft_s.p99 = 0.149;
  b.failed = 0;
  const auto comparison = compare(saved(sample_result(), "a"), saved(b, "b"));
  const auto& ttft = row(comparison, "ttft_s.p99");
  EXPECT_DOUBLE_EQ(*ttft.difference(), -0.149);
  EXPECT_DOUBLE_EQ(*ttft.fraction(), -0.5);
  EXPECT_DOUBLE_EQ(*row(comparison, "requests.failed").fraction(), -1);
  EXPECT_EQ(*row(comparison, "events").difference(), 0);
  EXPECT_FALSE(row(comparison, "queue_s.p99").fraction().has_value());  // from zero
}

TEST(Compare, ListsWhatWasRunDifferently) {
  auto b = sample_result();
  b.seed = 8;
  b.scenario.set("model", Node::scalar("DeepSeek-R1"));
  b.scenario.set("extra", Node::scalar("1"));
  b.scenario.erase("dry");
  const auto comparison = compare(saved(sample_result(), "a"), saved(b, "b"));
  ASSERT_EQ(comparison.inputs.size(), 4u);
  EXPECT_EQ(comparison.inputs[0].key, "scenario.model");
  EXPECT_EQ(comparison.inputs[0].a, "\"Mixtral-8x7B\"");
  EXPECT_EQ(comparison.inputs[0].b, "\"DeepSeek-R1\"");
  EXPECT_EQ(comparison.inputs[1].key, "scenario.dry");
  EXPECT_FALSE(comparison.inputs[1].b.has_value());
  EXPECT_EQ(comparison.inputs[2].key, "scenario.extra");
  EXPECT_FALSE(comparison.inputs[2].a.has_value());
  EXPECT_EQ(comparison.inputs[3].key, "seed");
}

TEST(Compare, ShowsFiguresThatOnlyOneSideHas) {
  auto b = sample_result();
  b.moe.reset();
  const auto one = compare(saved(sample_result(), "a"), saved(b, "b"));
  const auto other = compare(saved(b, "b"), saved(sample_result(), "a"));
  EXPECT_FALSE(row(one, "moe.imbalance_max").b.has_value());
  EXPECT_EQ(*row(one, "moe.imbalance_max").a, 2);
  EXPECT_EQ(*row(other, "moe.imbalance_max").b, 2);
  EXPECT_EQ(one.figures.size(), other.figures.size());
  for (std::size_t i = 0; i < one.figures.size(); ++i)
    EXPECT_EQ(one.figures[i].key, other.figures[i].key);
}

TEST(Compare, PrintsChangesAfterTheScenarioDifferences) {
  auto b = sample_result();
  b.seed = 8;
  b.ttft_s.p99 = 0.149;
  const auto text = comparison_table(compare(saved(sample_result(), "a.json"), saved(b, "b.json")));
  const auto inputs = text.find("  seed: 7 -> 8\n");
  const auto figure = text.find("  ttft_s.p99 ");
  ASSERT_NE(inputs, std::string::npos);
  ASSERT_NE(figure, std::string::npos);
  EXPECT_LT(inputs, figure);
  const auto line = text.substr(figure, text.find('\n', figure) - figure);
  EXPECT_NE(line.find("0.298"), std::string::npos) << line;
  EXPECT_NE(line.find("-0.149"), std::string::npos) << line;
  EXPECT_TRUE(line.ends_with("-50.00 %")) << line;
}

TEST(Compare, SaysWhenNothingWasRunDifferently) {
  const auto text =
      comparison_table(compare(saved(sample_result(), "a"), saved(sample_result(), "b")));
  EXPECT_NE(text.find("Same scenario, seed and version."), std::string::npos);
}

}  // namespace
}  // namespace moesim
