// What the source `sticky` promises of its choices.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "sim/routing/choice_source.hpp"

namespace moesim {
namespace {

constexpr std::int64_t kStickyExperts = 32, kStickyTokens = 65536;

std::vector<std::uint16_t> sticky_choices(const std::string& yaml, std::int64_t layer = 0) {
  const auto source = Value<Choice<ChoiceSource>>::read(parse_yaml(yaml, "test"));
  const auto router = Choice<Router>("top-k").make({kStickyExperts, 1});
  return source.make({5, 4, kStickyExperts, 1})->sample(layer, kStickyTokens, *router).experts;
}

/// Distinct experts in windows of 16 tokens of one stretch, or of as many stretches; mean.
double distinct_in_windows(const std::vector<std::uint16_t>& experts, std::size_t apart) {
  double sum = 0;
  int windows = 0;
  for (std::size_t begin = 0; begin + 16 * apart <= experts.size();
       begin += 16 * apart, ++windows) {
    std::set<std::uint16_t> seen;
    for (std::size_t i = 0; i < 16; ++i) seen.insert(experts[begin + i * apart]);
    sum += static_cast<double>(seen.size());
  }
  return sum / windows;
}

TEST(Sticky, ATopicHasATasteThatOtherTopicsDoNotShare) {
  const auto topics =
      sticky_choices("{type: sticky, reuse: 0, sigma: 0, topic_sigma: 2, topic_tokens: 64}");
  const auto none = sticky_choices("{type: sticky, reuse: 0, sigma: 0}");
  EXPECT_LT(distinct_in_windows(topics, 1), 0.7 * distinct_in_windows(none, 1));
  EXPECT_NEAR(distinct_in_windows(topics, 64), distinct_in_windows(none, 64),
              0.8);  // one token of every topic
}

TEST(Sticky, ReusesTheShareOfExpertsThatItIsAskedTo) {
  const auto experts = sticky_choices("{type: sticky, reuse: 0.6, sigma: 0.3}");
  double same = 0;
  for (std::size_t t = 1; t < experts.size(); ++t) same += experts[t] == experts[t - 1] ? 1 : 0;
  EXPECT_NEAR(same / static_cast<double>(experts.size()), 0.6, 0.02);
}

TEST(Sticky, OneRouterForAllLayersChoosesAlikeInAll) {
  const std::string one = "{type: sticky, one_for_all_layers: true}";
  EXPECT_EQ(sticky_choices(one, 0), sticky_choices(one, 3));
  EXPECT_NE(sticky_choices("sticky", 0), sticky_choices("sticky", 3));
}

}  // namespace
}  // namespace moesim
