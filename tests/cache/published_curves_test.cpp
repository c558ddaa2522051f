// The fitted generator against published curves, and Read-ME's table of hit rates.
#include "sim/cache/published_curves.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/cache/hit_curve.hpp"
#include "sim/core/random.hpp"

namespace moesim {
namespace {

TEST(ReuseFit, PredictsMixtralsCurvesFromTwoPoints) {
  // arXiv 2505.16056, hit rates at 1, 2 and 3 times the active experts.
  const PublishedCurves mixtral{"Mixtral-8x7B",
                                {{"LRU", {0.365, 0.614, 0.831}},
                                 {"LFU", {0.331, 0.595, 0.831}},
                                 {"Belady", {0.594, 0.820, 0.941}}}};
  const CacheShape shape{3, 8, 2};
  const auto fit = fit_reuse(mixtral, shape);
  const auto rates = hit_rates_at_rho_123(generate_accesses(fit, shape, 4, 5), false);
  for (const auto& [series, values] : mixtral.at_rho_123)
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(rates.at(series)[i], values[i], 0.055) << series << " " << i + 1;
}

TEST(ReadMe, LooksAheadTwoRequestsNotForEver) {
  // Read-ME, arXiv 2410.19123 Table 4: one layer's choice serves all, 6 experts, one per request.
  // Requests are drawn evenly; its Belady is the one that knows the next two in the queue.
  const RandomStream stream(3, stream_id("read-me"));
  Accesses accesses({1, 6, 1});
  for (std::uint64_t t = 0; t < 40'000; ++t)
    accesses.add(std::vector<ExpertId>{static_cast<ExpertId>(stream.below(t, 6))});
  CurveOptions options;
  options.slots = {2, 3, 4, 5};
  options.replay.arrival = Arrival::in_turn;
  const auto rates = [&](const std::string& yaml) {
    return hit_curves(accesses, {Value<Choice<CachePolicy>>::read(parse_yaml(yaml, "f"))}, options)
        .front()
        .hit_rate;
  };
  const auto expect = [&](const std::string& yaml, const std::vector<double>& paper) {
    const auto own = rates(yaml);
    for (std::size_t i = 0; i < paper.size(); ++i)
      EXPECT_NEAR(own[i], paper[i], 0.035) << yaml << " " << options.slots[i];
  };
  expect("random", {0.3419, 0.5014, 0.6752, 0.8291});
  expect("lru", {0.3390, 0.5242, 0.6695, 0.8348});
  expect("{type: belady, look_ahead: 2}", {0.4416, 0.6182, 0.7721, 0.8803});
  EXPECT_GT(rates("belady")[1], 0.6182 + 0.05);  // with all of the future it would be more
}

}  // namespace
}  // namespace moesim
