// Searches on the grids of shipped sweeps, replayed from what the whole grids gave (data/*.csv:
// axes, state and the figures asked for of `moesim sweep scenarios/sweeps/NAME.yaml`, 2026-11-22).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "sim/core/csv.hpp"
#include "sim/sweep/search.hpp"
#include "sim/sweep/table.hpp"
#include "tests/sweep/sweep_text.hpp"

namespace moesim {
namespace {

class Grid {
 public:
  explicit Grid(const std::string& name)
      : file_(read_sweep_file(MOESIM_SOURCE_DIR "/scenarios/sweeps/" + name + ".yaml", {},
                              figure_names)),
        space_(file_) {
    const auto csv = read_csv(MOESIM_SOURCE_DIR "/tests/sweep/data/" + name + ".csv");
    EXPECT_EQ(csv.rows(), space_.points()) << "the sweep has changed: record its grid again";
    std::vector<StoredPoint> points;
    std::map<std::string, StoredResult> results;
    for (std::size_t p = 0; p < space_.points(); ++p) {
      StoredResult result;
      result.key = std::to_string(p);
      result.state = csv.cell(p, csv.column("state")) == "done" ? StoredResult::State::kDone
                                                                : StoredResult::State::kRefused;
      for (const auto& figure : figure_names(file_.scenario))
        if (const auto column = csv.find_column(figure);
            column && result.state == StoredResult::State::kDone)
          result.figures.emplace_back(figure, csv.number(p, *column));
      points.push_back({result.key, "", ""});
      results[result.key] = result;
    }
    table_ = std::make_unique<SweepTable>(space_, points, results);
  }

  std::size_t designs() const { return space_.designs(); }
  const SweepFile& file() const { return file_; }

  /// Whether a search with a fifth of the designs runs one whose objective is the best one's, or
  /// worse by no more than that share.
  bool finds_best(const std::string& search, std::int64_t seed, double tolerance) const {
    const auto text = "{type: " + search + ", budget: " + std::to_string(designs() / 5) +
                      ", seed: " + std::to_string(seed) + "}";
    const auto choice = Value<Choice<Search>>::read(parse_yaml(text, "test"));
    const auto chosen = choice.make({space_});
    std::set<std::size_t> run;
    while (true) {
      const auto trials = chosen->next([&](const Trial& trial) { return score(trial.design); });
      if (trials.empty()) break;
      for (const auto& trial : trials) run.insert(trial.design);
    }
    EXPECT_LE(run.size(), designs() / 5);
    const Score best = *score(*table_->best());
    return std::ranges::any_of(run, [&](std::size_t design) {
      const Score found = *score(design);
      return found.violation <= best.violation &&
             found.cost <= best.cost + tolerance * std::abs(best.cost);
    });
  }

 private:
  std::optional<Score> score(std::size_t design) const {
    const auto& row = table_->rows()[design];
    constexpr double kWorst = std::numeric_limits<double>::infinity();
    if (!row.violation || !row.objectives[0]) return Score{kWorst, kWorst};
    const double mean = row.objectives[0]->mean;
    return Score{*row.violation, file_.objectives[0].maximize ? -mean : mean};
  }

  SweepFile file_;
  SweepSpace space_;
  std::unique_ptr<SweepTable> table_;
};

int found_of_twenty(const Grid& grid, const std::string& search, double tolerance = 0) {
  int found = 0;
  for (std::int64_t seed = 1; seed <= 20; ++seed)
    found += grid.finds_best(search, seed, tolerance) ? 1 : 0;
  return found;
}

struct Shipped {
  std::string name;
  double tolerance = 0;
  int found = 20;  ///< of twenty draws, at least
};

class LocalSearch : public ::testing::TestWithParam<Shipped> {};

TEST_P(LocalSearch, FindsTheBestDesignWithAFifthOfTheRuns) {
  const auto& shipped = GetParam();
  const int found = found_of_twenty(Grid(shipped.name), "local", shipped.tolerance);
  RecordProperty("found", found);
  EXPECT_GE(found, shipped.found) << found;
}

INSTANTIATE_TEST_SUITE_P(ShippedSweeps, LocalSearch,
                         ::testing::Values(Shipped{"deepseek-r1-rate-matching", 0.005, 18},
                                           Shipped{"deepseek-v3-ep-batch", 0, 18},
                                           Shipped{"mixtral-cache-policy", 0, 18},
                                           Shipped{"redundant-experts-skew", 0, 18},
                                           Shipped{"spraying-oversubscription", 0.001, 20}),
                         [](const auto& given) {
                           auto name = given.param.name;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(ShippedSweeps, SamplesFindItAboutAsOftenAsTheyAreLarge) {
  const Grid grid("deepseek-v3-ep-batch");
  for (const std::string search : {"random", "latin-hypercube"}) {
    const int found = found_of_twenty(grid, search);
    RecordProperty(search, found);
    EXPECT_GE(found, 1) << search << ": a fifth of the designs holds it in a fifth of the draws";
    EXPECT_LE(found, 12) << search;
  }
}

}  // namespace
}  // namespace moesim
