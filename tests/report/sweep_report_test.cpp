// The pictures and pages of a sweep: drawn by gnuplot for real, whatever texts the user chose.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "sim/core/csv.hpp"
#include "sim/core/text_file.hpp"
#include "sim/report/sweep_export.hpp"
#include "sim/report/sweep_figure.hpp"
#include "sim/report/sweep_html.hpp"
#include "sim/report/sweep_summary.hpp"
#include "tests/report/temporary_directory.hpp"
#include "tests/sweep/contains.hpp"
#include "tests/sweep/sweep_text.hpp"

namespace moesim {
namespace {

using test::contains;

/// Throughput grows with `batch` and with "size", latency with `batch`; batch 64 is too slow.
class SweepReport : public ::testing::Test {
 protected:
  SweepReport() {
    std::vector<StoredPoint> points;
    std::map<std::string, StoredResult> results;
    for (std::size_t p = 0; p < space_.points(); ++p) {
      const auto& choice = space_.choice(space_.design_of(p));
      const double batch = file_.axes[0].numbers[static_cast<std::size_t>(choice[0])];
      const double noise = p % 2 == 0 ? 0.98 : 1.02;
      StoredResult result;
      result.key = std::to_string(p);
      result.figures = {{"throughput.requests_per_s", noise * std::sqrt(batch) * (choice[1] + 2)},
                        {"ttft_s.p99", batch / 50 + 0.01 * choice[1]}};
      points.push_back({result.key, "", ""});
      if (p != 1) results[result.key] = result;  // one seed of the first design is missing
    }
    table_ = std::make_unique<SweepTable>(space_, points, results);
  }
  SweepFile file_ = test::sweep_of(
      test::kScenario +
      "title: \"<b>'quoted' `id` \\\"x\\\" $y\"\n"
      "axes: {batch: [4, 8, 16, 32, 64], \"size'; system 'id'\": [\"a\\\\b\", \"<i>\"]}\n"
      "repeats: 2\n"
      "objectives: [{maximize: throughput.requests_per_s, name: req/s}, {minimize: ttft_s.p99}]\n"
      "constraints: [ttft_s.p99 <= 1 s]\n");
  SweepSpace space_{file_};
  std::unique_ptr<SweepTable> table_;
};

TEST_F(SweepReport, DrawsEveryPictureInThreeFormats) {
  const testing::TemporaryDirectory directory;
  const auto figures = sweep_figures(*table_);
  ASSERT_EQ(figures.size(), 5U);
  draw_figures(figures, directory.path());
  for (const auto& figure : figures)
    for (const std::string kind : {".gp", ".tsv", ".svg", ".png", ".pdf"}) {
      const auto path = directory.file(figure.name + kind);
      ASSERT_TRUE(std::filesystem::exists(path)) << path;
      EXPECT_GT(std::filesystem::file_size(path), kind == ".tsv" ? 20U : 500U) << path;
    }
}

TEST_F(SweepReport, ThePageShowsEveryDesignAndEscapesWhatUsersWrite) {
  const auto html = sweep_html(*table_, {});
  EXPECT_TRUE(contains(html, "<h1>&lt;b&gt;"));
  EXPECT_EQ(html.find("<i></td>"), std::string::npos);
  std::size_t rows = 0;
  for (auto at = html.find("<tr"); at != std::string::npos; at = html.find("<tr", at + 1)) ++rows;
  EXPECT_EQ(rows, 1 + 10U) << "a head and ten designs";
  EXPECT_TRUE(contains(html, "ttft_s.p99 [ms]"));
  EXPECT_TRUE(contains(html, "misses a constraint"));
}

TEST_F(SweepReport, TheFrontHoldsOneDesignPerBatchThatIsFastEnough) {
  const auto figures = sweep_figures(*table_);
  EXPECT_EQ(figures[0].name, "pareto");
  // The larger size at batch 4 to 32; the smaller one is faster at batch 4, but a seed is missing.
  EXPECT_EQ(table_->front().size(), 4U);
  EXPECT_TRUE(contains(figures[0].data, "# front\n"));
}

TEST_F(SweepReport, TheTableOfPointsHoldsOnlyWhatWasRun) {
  const auto table = parse_csv(sweep_csv(*table_), "points.csv");
  EXPECT_EQ(table.rows(), space_.points() - 1);
  EXPECT_EQ(table.cell(0, 0), "4");
  EXPECT_EQ(table.integer(0, table.column("seed")), 7);
}

TEST_F(SweepReport, TheSummaryNamesTheBestFirst) {
  const auto text = sweep_summary(*table_);
  EXPECT_TRUE(contains(text, "20 points: 19 done, 1 not run"));
  EXPECT_LT(text.find("   32 "), text.find("   16 "));
}

}  // namespace
}  // namespace moesim
