// Steps that compute some layers in place of all: the same where layers do not differ, the same in
// the mean where they do, on links that others use too.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "models/architecture/catalog.hpp"
#include "sim/engine/step_builder.hpp"
#include "tests/support/run_scenarios.hpp"

namespace moesim {
namespace {

using test::phase_s;
using test::refusal_of;
using test::run_scenarios;

std::string decoding(const std::string& model, const std::string& layout, const std::string& engine,
                     const std::string& more = "") {
  return fmt::format(
      "{{model: {{name: {}}}, cluster: {{node: hgx-h200, nodes: 2}}, parallel: {{{}}}, workload: "
      "{{requests: 256, arrivals: at-once, lengths: {{type: fixed, input: 512, output: 48}}}}, "
      "engine: {{{}}}{}, timeline: {{duration: 0 s}}}}",
      model, layout, engine, more);
}

TEST(DrawnLayers, GroupsHoldEveryLayerOnceAndOnlyOfAKind) {
  for (const auto* name : {"deepseek-v3", "gpt-oss-120b", "llama-3.1-8b", "mixtral-8x7b"}) {
    const auto model = load_model(name).architecture;
    const auto last = static_cast<std::int64_t>(model.layers.size());
    for (const std::int64_t first : {std::int64_t{0}, last / 2})
      for (const std::int64_t drawn : {2, 5, 8, 1000}) {
        std::set<int> seen;
        std::size_t moe_groups = 0;
        for (const auto& group : alike_layers(model, first, last, drawn)) {
          const auto& kind = model.layers[static_cast<std::size_t>(group.front().index)];
          moe_groups += kind.moe ? 1 : 0;
          for (const auto& layer : group) {
            const auto& own = model.layers[static_cast<std::size_t>(layer.index)];
            EXPECT_TRUE(seen.insert(layer.index).second);
            EXPECT_EQ(own.moe, kind.moe);
            EXPECT_EQ(own.window, kind.window);
            EXPECT_EQ(layer.moe_layer,
                      std::count_if(model.layers.begin(), model.layers.begin() + layer.index,
                                    [](const Layer& l) { return l.moe; }));
          }
        }
        EXPECT_EQ(static_cast<std::int64_t>(seen.size()), last - first);
        EXPECT_LE(moe_groups, static_cast<std::size_t>(drawn) + 1) << name;
      }
  }
}

TEST(DrawnLayers, AreExactWhereLayersAreAlike) {
  for (const auto* layout : {"tensor: 16", "tensor: 2, data: 8"}) {
    const auto results = run_scenarios({decoding("llama-3.1-70b", layout, ""),
                                        decoding("llama-3.1-70b", layout, "drawn_layers: 2")});
    EXPECT_NEAR(results[1].simulated_s / results[0].simulated_s, 1, 1e-9) << layout;
    EXPECT_NEAR(phase_s(results[1], "attention") / phase_s(results[0], "attention"), 1, 1e-9);
  }
  const auto* layout = "data: 16, expert: 16";
  const auto* balanced = ", routing: {source: balanced}";
  const auto results =
      run_scenarios({decoding("deepseek-v3", layout, "", balanced),
                     decoding("deepseek-v3", layout, "drawn_layers: 4", balanced)});
  EXPECT_NEAR(results[1].simulated_s / results[0].simulated_s, 1, 0.002);
}

TEST(DrawnLayers, KeepTheMeanOfAllLayers) {
  for (const auto* layout : {"data: 16, expert: 16", "data: 16, expert: 8", "tensor: 16",
                             "tensor: 8, data: 2", "data: 8, pipeline: 2, expert: 8"}) {
    const auto results = run_scenarios({decoding("deepseek-v3", layout, ""),
                                        decoding("deepseek-v3", layout, "drawn_layers: 1000"),
                                        decoding("deepseek-v3", layout, "drawn_layers: 8")});
    EXPECT_NEAR(results[1].simulated_s / results[0].simulated_s, 1, 1e-9) << layout;
    // Steps that decode are many; those that take prompts in are a few draws of 8 layers each.
    EXPECT_NEAR(results[2].tpot_s.mean / results[0].tpot_s.mean, 1, 0.005) << layout;
    EXPECT_NEAR(results[2].simulated_s / results[0].simulated_s, 1, 0.04) << layout;
    EXPECT_NEAR(phase_s(results[2], "experts") / phase_s(results[0], "experts"), 1, 0.04) << layout;
    EXPECT_NEAR(results[2].moe.value().imbalance_mean / results[0].moe.value().imbalance_mean, 1,
                0.03)
        << layout;
  }
}

TEST(DrawnLayers, AreRefusedWhereEveryLayerCounts) {
  const auto* layout = "data: 16, expert: 16";
  for (const auto& [engine, more, what] :
       {std::array{"drawn_layers: 4, executor: event", "", "beside executor event"},
        std::array{"drawn_layers: 4, two_batch_overlap: {}", "", "beside two_batch_overlap"},
        std::array{"drawn_layers: 4", ", routing: {balancer: eplb}", "beside a balancer"}})
    EXPECT_NE(refusal_of(decoding("deepseek-v3", layout, engine, more)).find(what),
              std::string::npos)
        << what;
}

}  // namespace
}  // namespace moesim
