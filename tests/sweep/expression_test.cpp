#include "sim/sweep/expression.hpp"

#include <gtest/gtest.h>

#include <map>

#include "tests/core/error_text.hpp"

namespace moesim {
namespace {

Expression formula(const std::string& text) {
  Node node = Node::scalar(text);
  node.where = {"sweep.yaml", 3, 5};
  return Expression::parse(node);
}

const std::map<std::string, Expression::Value> kValues = {
    {"a", 8.0}, {"ttft_s.p99", 0.25}, {"policy", std::string("plain")}};

Expression::Value lookup(const std::string& name) {
  const auto found = kValues.find(name);
  return found == kValues.end() ? Expression::Value{} : found->second;
}

double value(const std::string& text) { return formula(text).number(lookup).value(); }

TEST(Expression, CalculatesWithTheUsualPrecedence) {
  EXPECT_EQ(value("1 + 2 * 3"), 7);
  EXPECT_EQ(value("(1 + 2) * 3 - -1"), 10);
  EXPECT_EQ(value("a / 4 / 2"), 1);
  EXPECT_EQ(value("2.5e3"), 2500);
}

TEST(Expression, ReadsQuantitiesAsTheirSiValue) {
  EXPECT_EQ(value("500 ms"), 0.5);
  EXPECT_EQ(value("4 /s * 2"), 8);
  EXPECT_EQ(value("1 GB/s"), 1e9);
  EXPECT_EQ(value("a / 2"), 4);
}

TEST(Expression, ComparesNumbersAndText) {
  EXPECT_EQ(value("ttft_s.p99 <= 250 ms"), 1);
  EXPECT_EQ(value("a > 8 or policy == 'plain'"), 1);
  EXPECT_EQ(value("not a == 8 and policy != 'spread'"), 0);
}

TEST(Expression, HasNoValueWhereANameHasNone) {
  EXPECT_FALSE(formula("missing + 1").number(lookup));
  EXPECT_FALSE(formula("missing < 1 and a == 8").number(lookup));
  EXPECT_EQ(value("missing < 1 or a == 8"), 1) << "decided without it";
  EXPECT_FALSE(formula("a / 0").number(lookup));
}

TEST(Expression, MeasuresHowFarAComparisonIsFromTrue) {
  EXPECT_EQ(formula("a <= 10").violation(lookup), 0);
  EXPECT_DOUBLE_EQ(formula("a <= 4").violation(lookup).value(), 1);
  EXPECT_DOUBLE_EQ(formula("a >= 10").violation(lookup).value(), 0.2);
  EXPECT_EQ(formula("policy == 'spread'").violation(lookup), 1);
  EXPECT_GT(formula("a < 8").violation(lookup).value(), 0) << "the limit itself is not below it";
}

TEST(Expression, SaysWhereItStopsMakingSense) {
  EXPECT_EQ(testing::error_text([] { formula("a <= "); }),
            "sweep.yaml:3:10: in the formula 'a <= ': expected a number, a name or '(', found the "
            "end");
  EXPECT_TRUE(testing::error_text([] { formula("a 8"); }).starts_with("sweep.yaml:3:7: "));
  EXPECT_TRUE(testing::error_text([] { formula("(a"); }).ends_with("expected ')', found the end"));
  EXPECT_TRUE(testing::error_text([] {
                formula(std::string(500, '('));
              }).ends_with("found '" + std::string(300, '(') + "'"));
}

TEST(Expression, RefusesTextInArithmetic) {
  EXPECT_NE(testing::error_text([] { value("policy + 1"); }).find("'+' needs numbers"),
            std::string::npos);
  EXPECT_NE(
      testing::error_text([] { value("policy == 1"); }).find("compared with the text 'plain'"),
      std::string::npos);
}

}  // namespace
}  // namespace moesim
