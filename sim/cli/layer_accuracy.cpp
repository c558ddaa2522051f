#include "sim/cli/layer_accuracy.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "calibrate/layer_rounds.hpp"

namespace moesim {
namespace {

LedgerEntry entry(const std::string& group, const std::vector<double>& errors) {
  LedgerEntry entry;
  entry.name = "layers";
  entry.group = group;
  entry.metric = "layer time";
  entry.errors = error_statistics(errors);
  return entry;
}

}  // namespace

LayerAccuracy layer_accuracy(const LayerAccuracyOptions& options) {
  std::vector<LayerRound> rounds;
  while (static_cast<int>(rounds.size()) < options.rounds) {
    const auto number = rounds.size() + 1;
    rounds.push_back(run_layer_round(number, [&](const std::string& what) {
      options.progress(fmt::format("round {}, {}", number, what));
    }));
    if (rounds.back().mean() <= options.target) break;
  }
  const auto best = std::ranges::min_element(rounds, {}, &LayerRound::mean);
  LayerAccuracy result;
  result.mean = best->mean();
  result.anchor_cv = std::ranges::min_element(rounds, {}, &LayerRound::anchor_cv)->anchor_cv;
  const auto groups = grouped(best->layers);
  for (const auto& group : groups)
    result.entries.push_back(entry("cpu: " + group.name, group.errors));
  result.entries.front().mean_target = options.target;
  for (std::size_t i = 0; i < rounds.size(); ++i)
    result.entries.push_back(entry(fmt::format("cpu: round {} of {}, noise {:.1f} %", i + 1,
                                               rounds.size(), 100 * rounds[i].anchor_cv),
                                   grouped(rounds[i].layers).front().errors));
  return result;
}

}  // namespace moesim
