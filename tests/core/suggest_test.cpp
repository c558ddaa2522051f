#include "sim/core/suggest.hpp"

#include <gtest/gtest.h>

namespace moesim {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsSubstitutionsAndSwaps) {
  EXPECT_EQ(edit_distance("rate", "rate"), 0);
  EXPECT_EQ(edit_distance("rate", "RATE"), 0);
  EXPECT_EQ(edit_distance("rate", "rates"), 1);
  EXPECT_EQ(edit_distance("rate", "ate"), 1);
  EXPECT_EQ(edit_distance("rate", "rote"), 1);
  EXPECT_EQ(edit_distance("modle", "model"), 1);
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("sitting", "kitten"), 3);
}

TEST(DidYouMean, NamesTheNearestAndAllThatAreValid) {
  EXPECT_EQ(did_you_mean("modle", {"cluster", "model"}),
            "; did you mean 'model'? (valid: cluster, model)");
}

TEST(DidYouMean, DoesNotGuessWhenNothingIsNear) {
  EXPECT_EQ(did_you_mean("banana", {"cluster", "model"}), " (valid: cluster, model)");
  EXPECT_EQ(did_you_mean("foo", {"slo", "seed"}), " (valid: slo, seed)");
  EXPECT_EQ(did_you_mean("", {"model"}), " (valid: model)");
  EXPECT_EQ(did_you_mean("x", {}), "");
}

TEST(DidYouMean, TakesALineOfAnyLength) {
  EXPECT_EQ(did_you_mean(std::string(1'000'000, 'x'), {"model"}), " (valid: model)");
}

}  // namespace
}  // namespace moesim
