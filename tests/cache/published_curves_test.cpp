// The fitted generator against published curves, and Read-ME's table of hit rates.
#include "sim/cache/published_curves.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/cache/hit_curve.hpp"
#include "sim/core/random.hpp"

namespace moesim {
namespace {

TEST(ReuseFit, PredictsMixtralsCurvesFromThreePoints) {
  // arXiv 2505.16056, hit rates at 1, 2 and 3 times the active experts.
  const PublishedCurves mixtral{"Mixtral-8x7B",
                                {{"LRU", {0.365, 0.614, 0.831}},
                                 {"LFU", {0.331, 0.595, 0.831}},
                                 {"Belady", {0.594, 0.820, 0.941}},
                                 {"m64", {0.391, 0.668, 0.880}}}};
  const CacheShape shape{3, 8, 2};
  const auto fit = fit_reuse(mixtral, shape);
  const auto rates = hit_rates_at_rho_123(generate_accesses(fit, shape, 4, 5), false);
  for (const auto* series : {"LRU", "LFU", "Belady"})
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(rates.at(series)[i], mixtral.at_rho_123.at(series)[i], 0.05)
          << series << " " << i + 1;
  PublishedCurves short_of_one = mixtral;
  short_of_one.at_rho_123.erase("m64");
  EXPECT_THROW(fit_reuse(short_of_one, shape), InputError);
}

// Read-ME, arXiv 2410.19123 Table 4: one layer's choice serves all, 6 experts, 2 to 5 slots.
const std::vector<double> kReadMeRandom{0.3419, 0.5014, 0.6752, 0.8291},
    kReadMeLru{0.3390, 0.5242, 0.6695, 0.8348}, kReadMeBelady{0.4416, 0.6182, 0.7721, 0.8803};

/// Hit rates with 2 to 5 slots; requests take the expert of the one before with probability
/// `reuse`.
std::vector<double> read_me_rates(const std::string& policy, double reuse = 0) {
  const RandomStream stream(3, stream_id("read-me"));
  Accesses accesses({1, 6, 1});
  ExpertId last = 0;
  for (std::uint64_t t = 0; t < 40'000; ++t) {
    if (stream.uniform(2 * t) >= reuse) last = static_cast<ExpertId>(stream.below(2 * t + 1, 6));
    accesses.add(std::vector<ExpertId>{last});
  }
  CurveOptions options;
  options.slots = {2, 3, 4, 5};
  options.replay.arrival = Arrival::in_turn;
  const auto read = Value<Choice<CachePolicy>>::read(parse_yaml(policy, "f"));
  return hit_curves(accesses, {read}, options).front().hit_rate;
}

double most_apart(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

// Its random and LRU caches hit alike: requests follow each other without reuse. Its Belady knows
// the queue of requests, whose mean of 4 is the one number fitted to the four.
TEST(ReadMe, HitsAsItsTableSaysWithinThreePoints) {
  EXPECT_LT(most_apart(read_me_rates("random"), kReadMeRandom), 0.03);
  EXPECT_LT(most_apart(read_me_rates("lru"), kReadMeLru), 0.03);
  const std::string queue = "{type: belady, look_ahead: 4, queued: true}";
  EXPECT_LT(most_apart(read_me_rates(queue), kReadMeBelady), 0.015);
}

TEST(ReadMe, NeitherReuseNorAConstantLookAheadExplainsItsTable) {
  for (const std::string constant : {"1", "2", "3"})
    EXPECT_GT(
        most_apart(read_me_rates("{type: belady, look_ahead: " + constant + "}"), kReadMeBelady),
        0.03);
  EXPECT_GT(most_apart(read_me_rates("belady"), kReadMeBelady), 0.05);
  EXPECT_GT(most_apart(read_me_rates("lru", 0.1), kReadMeLru), 0.03);
}

}  // namespace
}  // namespace moesim
