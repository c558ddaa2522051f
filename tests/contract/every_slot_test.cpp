// Every slot has a contract test, every implementation is run by it, and every implementation
// explains itself.
#include <gtest/gtest.h>

#include <set>

#include "tests/contract/contract.hpp"

namespace moesim {
namespace {

/// Names of the tests of a suite, as this program has them.
std::set<std::string> tests_of(const std::string& suite) {
  std::set<std::string> names;
  const auto& all = *::testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const auto& each = *all.GetTestSuite(i);
    if (each.name() != suite) continue;
    for (int t = 0; t < each.total_test_count(); ++t) names.insert(each.GetTestInfo(t)->name());
  }
  return names;
}

TEST(EverySlot, HasAContractTest) {
  std::set<std::string> slots, contracts;
  for (const auto& [slot, _] : slot_catalogue()) slots.insert(slot);
  for (const auto& each : contract::kContracts) contracts.insert(each.slot);
  EXPECT_EQ(slots, contracts)
      << "a new slot needs tests/contract/SLOT_contract_test.cpp and a line in contract.hpp";
}

TEST(EverySlot, RunsEveryImplementationThroughIt) {
  for (const auto& [slot, suite] : contract::kContracts) {
    const auto tests = tests_of("Every/" + std::string(suite));
    for (const auto& [name, _] : slot_catalogue()[slot].implementations)
      EXPECT_GE(std::ranges::count_if(tests,
                                      [&](const auto& test) {
                                        return test.ends_with("/" + contract::test_name(name));
                                      }),
                3)
          << slot << " " << name;
  }
}

void expect_documented(const std::vector<ParameterInfo>& infos, const std::string& where) {
  std::set<std::string> names;
  for (const auto& info : infos) {
    EXPECT_TRUE(names.insert(info.name).second) << where << ": twice " << info.name;
    EXPECT_GE(info.doc.size(), 5u) << where << " " << info.name;
    EXPECT_FALSE(info.type.empty()) << where << " " << info.name;
    EXPECT_EQ(info.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
              std::string::npos)
        << info.name;
    EXPECT_TRUE(!info.required || !info.example.empty()) << where << " " << info.name;
    expect_documented(info.children, where + "." + info.name);
  }
}

TEST(EveryPolicy, ExplainsItselfAndItsParameters) {
  for (const auto& [slot, listing] : slot_catalogue()) {
    EXPECT_FALSE(listing.doc.empty()) << slot;
    EXPECT_FALSE(listing.implementations.empty()) << slot;
    for (const auto& [name, info] : listing.implementations) {
      EXPECT_GE(info.doc.size(), 5u) << slot << " " << name;
      EXPECT_EQ(info.doc.find('\n'), std::string::npos) << slot << " " << name;
      expect_documented(info.parameters(), slot + " " + name);
    }
  }
}

TEST(EveryPolicy, ReadsItsExampleAndWhatItWritesOfIt) {
  for (const auto& [slot, listing] : slot_catalogue())
    for (const auto& [name, info] : listing.implementations) {
      const Node resolved = info.resolve(info.example());
      EXPECT_EQ(resolved.keys.size(), info.parameters().size()) << slot << " " << name;
      EXPECT_EQ(to_yaml(info.resolve(parse_yaml(to_yaml(resolved), "again"))), to_yaml(resolved))
          << slot << " " << name;
    }
}

TEST(EveryPolicy, RefusesAParameterItDoesNotHave) {
  for (const auto& [slot, listing] : slot_catalogue())
    for (const auto& [name, info] : listing.implementations) {
      Node wrong = info.example();
      wrong.set("no_such_parameter", Node::scalar("1"));
      EXPECT_THROW(info.resolve(wrong), InputError) << slot << " " << name;
    }
}

}  // namespace
}  // namespace moesim
