// "A new policy is one file": random_rank.cpp is compiled into this program and nothing names it
// but these tests.
#include <gtest/gtest.h>

#include "sim/report/json_schema.hpp"
#include "sim/report/reference.hpp"
#include "sim/scenario/document.hpp"
#include "sim/serving/request_router.hpp"
#include "tests/contract/contract.hpp"
#include "tests/core/error_text.hpp"

namespace moesim {
namespace {

constexpr const char* kName = "test-random-rank";

TEST(NewPolicy, IsInTheCatalogueAndTheListing) {
  EXPECT_TRUE(slot_catalogue().at("request router").implementations.contains(kName));
  const auto listing = slot_listing("request router");
  EXPECT_NE(listing.find("test-random-rank  a rank drawn at random for every request"),
            std::string::npos);
  EXPECT_NE(listing.find("salt (integer; 1)  another salt draws other ranks"), std::string::npos);
  EXPECT_NE(reference_markdown().find("| **test-random-rank** |"), std::string::npos);
}

TEST(NewPolicy, IsInTheJsonSchema) {
  const auto schema = scenario_json_schema();
  EXPECT_NE(schema.find("\"const\": \"test-random-rank\""), std::string::npos);
  EXPECT_NE(schema.find("another salt draws other ranks"), std::string::npos);
}

TEST(NewPolicy, IsReadWithItsParametersAndRefusedWithTheirErrors) {
  const auto read = [](const std::string& text) {
    return Value<Choice<RequestRouter>>::read(parse_yaml(text, "f.yaml"));
  };
  const auto choice = read("{type: test-random-rank, salt: 5}");
  EXPECT_EQ(choice.parameters.find("salt")->text, "5");
  const std::vector<RankLoad> ranks(8);
  EXPECT_LT(choice.make({8})->choose(3, ranks), 8);
  EXPECT_EQ(read("test-random-rank").parameters.find("salt")->text, "1");
  EXPECT_EQ(testing::error_text([&] { read("{type: test-random-rank, salt: -1}"); }),
            "f.yaml:1:32: salt must be at least 0, found -1");
}

TEST(NewPolicy, IsRunByTheContractTest) {
  const auto& all = *::testing::UnitTest::GetInstance();
  int run = 0;
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const auto& suite = *all.GetTestSuite(i);
    if (std::string(suite.name()) != "Every/RequestRouterContract") continue;
    for (int t = 0; t < suite.total_test_count(); ++t)
      run += std::string(suite.GetTestInfo(t)->name()).ends_with("/testrandomrank") ? 1 : 0;
  }
  EXPECT_EQ(run, 3);
}

}  // namespace
}  // namespace moesim
