// DeepEP's published kernels against scenarios/papers/deepep, whose inputs are none of the figures
// asserted here except EP8 of the normal kernels.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "sim/engine/collective_study.hpp"
#include "sim/scenario/document.hpp"

namespace moesim {
namespace {

/// Completion [s] by variant: dispatch, combine. Without `leave_out`, which draws many tokens.
std::map<std::string, std::vector<double>> times(const std::string& file,
                                                 const std::string& leave_out = "") {
  std::map<std::string, std::vector<double>> all;
  const auto path = std::string(MOESIM_SOURCE_DIR "/scenarios/papers/deepep/") + file;
  for (const auto& variant : expand_variants(load_document(path, {}), {})) {
    if (variant.name == leave_out) continue;
    for (const auto& outcome : run_study(read_collective_scenario(variant.scenario), {}).outcomes)
      all[variant.name].push_back(outcome.completion_s.mean);
  }
  return all;
}

void expect_within(double value, double published, double tolerance, const std::string& what) {
  EXPECT_NEAR(value / published, 1, tolerance) << what << ": " << value;
}

// https://github.com/deepseek-ai/DeepEP, docs/legacy.md, read 2026-11-22.
TEST(DeepEp, LowLatencyKernelsTakeThePublishedTimesBetweenNodes) {
  const std::map<std::string, std::pair<double, double>> published_us = {
      {"EP16", {118, 195}},
      {"EP32", {155, 273}},
      {"EP64", {173, 314}},
      {"EP128", {192, 369}},
      {"EP256", {194, 360}},
      {"EP8", {77, 114}},
      // H20, https://github.com/deepseek-ai/DeepEP/pull/173.
      {"H20 EP8", {37, 59}},
      {"H20 EP16", {119, 199}}};
  const auto simulated = times("low-latency.yaml");
  ASSERT_EQ(simulated.size(), published_us.size());
  for (const auto& [name, published] : published_us) {
    // EP8 dispatch on H800 is slower than its bytes over NVLink, which H20 does not show.
    expect_within(simulated.at(name)[0], published.first * 1e-6, name == "EP8" ? 0.2 : 0.1, name);
    expect_within(simulated.at(name)[1], published.second * 1e-6, 0.1, name);
  }
}

TEST(DeepEp, NormalKernelsReachThePublishedBandwidth) {
  struct Published {
    double copies;  ///< of a token that the bandwidth counts
    double dispatch, combine;
  };
  // Distinct GPUs of 8 (own included), distinct nodes of 2 and 4, with 8 draws.
  const auto distinct = [](double n) { return n * (1 - std::pow(1 - 1 / n, 8)); };
  const std::map<std::string, Published> published = {{"EP8", {distinct(8), 153, 158}},
                                                      {"EP16", {distinct(2), 43, 43}},
                                                      {"EP32", {distinct(4), 58, 57}}};
  const auto simulated = times("normal.yaml", "EP64");
  ASSERT_EQ(simulated.size(), published.size());
  for (const auto& [name, p] : published) {
    const double bytes = 4096 * p.copies;
    expect_within(bytes * 7392 / simulated.at(name)[0] / 1e9, p.dispatch, 0.1, name);
    expect_within(bytes * 14336 / simulated.at(name)[1] / 1e9, p.combine, 0.1, name);
  }
}

}  // namespace
}  // namespace moesim
