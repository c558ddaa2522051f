// The registry, by means of the slots that ship: names, parameters, refusals at their place.
#include "sim/core/registry.hpp"

#include <gtest/gtest.h>

#include "sim/routing/router.hpp"
#include "sim/serving/arrivals.hpp"
#include "tests/core/error_text.hpp"

namespace moesim {
namespace {

using testing::error_text;

Node parsed(const std::string& text) { return parse_yaml(text, "f.yaml"); }

TEST(Registry, ReadsAPolicyByNameOrWithParameters) {
  const auto by_name = read_slot(parsed("top-k"), "router");
  EXPECT_EQ(by_name.type, "top-k");
  EXPECT_TRUE(by_name.parameters.keys.empty());
  const auto poisson = read_slot(parsed("{type: poisson, rate: 120 /min}"), "arrivals");
  EXPECT_EQ(poisson.type, "poisson");
  ASSERT_NE(poisson.parameters.find("rate"), nullptr);
  EXPECT_EQ(poisson.parameters.find("rate")->text, "2 /s");
  EXPECT_EQ(poisson.parameters.find("type"), nullptr);
}

TEST(Registry, FillsInDefaults) {
  const auto value = read_slot(parsed("least-loaded"), "request router");
  ASSERT_NE(value.parameters.find("waiting_weight"), nullptr);
  EXPECT_EQ(value.parameters.find("waiting_weight")->text, "4");
}

TEST(Registry, RefusesUnknownPoliciesAndParametersAtTheirPlace) {
  EXPECT_EQ(
      error_text([] { read_slot(parsed("{type: poison, rate: 1 /s}"), "arrivals"); }).substr(0, 62),
      "f.yaml:1:8: unknown arrivals 'poison'; did you mean 'poisson'?");
  EXPECT_EQ(error_text([] { read_slot(parsed("{type: poisson, rat: 1 /s}"), "arrivals"); }),
            "f.yaml:1:17: unknown key 'rat'; did you mean 'rate'? (valid: rate)");
  EXPECT_TRUE(error_text([] {
                read_slot(parsed("{rate: 1 /s}"), "arrivals");
              }).starts_with("f.yaml:1:1: missing key 'type': which arrivals (valid: "));
  EXPECT_TRUE(error_text([] {
                read_slot(parsed("poisson"), "arrivals");
              }).starts_with("f.yaml:1:1: missing parameter 'rate'"));
  EXPECT_EQ(error_text([] { read_slot(parsed("[poisson]"), "arrivals"); }),
            "f.yaml:1:1: expected text, found a list");
}

TEST(Choice, IsWrittenSoThatItReadsBack) {
  const auto choice = Value<Choice<Arrivals>>::read(parsed("{type: poisson, rate: 4 /s}"));
  const Node written = Value<Choice<Arrivals>>::write(choice);
  const auto again = Value<Choice<Arrivals>>::read(parsed(to_yaml(written)));
  EXPECT_EQ(again.type, "poisson");
  EXPECT_EQ(to_yaml(Value<Choice<Arrivals>>::write(again)), to_yaml(written));
}

TEST(Choice, ByNameAloneHasTheDefaultsOfTheImplementation) {
  const Node written = Value<Choice<Router>>::write(Choice<Router>("group-limited"));
  EXPECT_EQ(written.find("type")->text, "group-limited");
  EXPECT_NE(Choice<Router>("top-k").make({8, 2, 1, 1}), nullptr);
}

TEST(Choice, SaysWhereItWasMadeWhenTheImplementationRefuses) {
  const auto choice = Value<Choice<Router>>::read(parsed("{type: group-limited, groups: 7}"));
  EXPECT_EQ(error_text([&] {
              choice.make({64, 8, 1, 1});
            }),
            "f.yaml:1:1: router group-limited: 64 experts do not divide into 7 groups");
}

TEST(InputErrors, KnowWhetherTheyNameAPlace) {
  EXPECT_FALSE(InputError("x").placed());
  EXPECT_TRUE(InputError(Location{"f", 1, 2}, "x").placed());
  EXPECT_STREQ(InputError(Location{"f", 1, 2}, "x").what(), "f:1:2: x");
  EXPECT_STREQ(InputError(Location{"-s a=1", 0, 0}, "x").what(), "-s a=1: x");
  EXPECT_STREQ(InputError(Location{}, "x").what(), "x");
}

}  // namespace
}  // namespace moesim
