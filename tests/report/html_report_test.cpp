#include "sim/report/html_report.hpp"

#include <gtest/gtest.h>

#include "sim/core/error.hpp"
#include "sim/report/inline_svg.hpp"
#include "tests/report/sample_result.hpp"
#include "tests/report/temporary_directory.hpp"

namespace moesim {
namespace {

using testing::sample_result;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Every element that must be closed is closed in its order.
void expect_balanced(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t at = html.find('<'); at != std::string::npos; at = html.find('<', at + 1)) {
    const auto end = html.find('>', at);
    const auto tag = html.substr(at + 1, end - at - 1);
    const auto name = tag.substr(0, tag.find_first_of(" \n\t/", 1));
    if (tag[0] == '!' || tag.ends_with("/") || name == "meta") continue;
    if (tag[0] == '/') {
      ASSERT_FALSE(open.empty());
      ASSERT_EQ("/" + open.back(), tag);
      open.pop_back();
    } else {
      open.push_back(name);
    }
  }
  EXPECT_TRUE(open.empty());
}

TEST(HtmlReport, ShowsFiguresScenarioAndHowToRunItAgain) {
  const auto result = sample_result();
  const auto html = html_report({"A title", "Why?", "moesim run x.yaml", {&result, 1}, {}});
  expect_balanced(html);
  EXPECT_TRUE(has(html, "<h1>A title</h1>"));
  EXPECT_TRUE(has(html, "<p class=\"question\">Why?</p>"));
  EXPECT_TRUE(has(html, "<b>6.00 tok/s</b><span>output throughput</span>"));
  EXPECT_TRUE(has(html, "<td>298 ms</td><td>300 ms</td><td>2</td>"));  // TTFT p99, max, count
  EXPECT_TRUE(has(html, "<pre>moesim run x.yaml</pre>"));
  EXPECT_TRUE(has(html, "seed 7"));
  EXPECT_TRUE(has(html, "model: Mixtral-8x7B"));
}

TEST(HtmlReport, FetchesNothingAndRunsNothing) {
  const auto result = sample_result();
  const auto html = html_report({"t", "", "", {&result, 1}, {}});
  for (const auto* part : {"http:", "https:", "<script", "<link", "src=", "@import", "url("})
    EXPECT_FALSE(has(html, part)) << part;
}

TEST(HtmlReport, EscapesEveryTextOfTheUser) {
  auto result = sample_result();
  const std::string evil = "<img src=x onerror=alert(1)>\"'&";
  result.title = evil;
  result.time_breakdown_s.emplace_back(evil, 0.1);
  result.scenario.set("note", Node::scalar(evil, true));
  const std::vector<Result> two = {result, result};
  const Picture picture{"p", evil, "<svg width='1'></svg>"};
  for (const auto& results : {std::span(two), std::span(two).first(1)}) {
    const auto html = html_report({evil, evil, evil, results, {picture}});
    EXPECT_FALSE(has(html, "<img"));
    EXPECT_TRUE(has(html, "<h1>&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;</h1>"));
    expect_balanced(html);
  }
}

TEST(HtmlReport, PutsSeveralResultsSideBySide) {
  std::vector<Result> two = {sample_result(), sample_result()};
  two[0].title = "first";
  two[1].title = "second";
  two[1].ttft_s.p99 = 0.1;
  const auto html = html_report({"t", "", "", two, {}});
  EXPECT_TRUE(has(html, "<th>first</th><th>second</th>"));
  EXPECT_TRUE(has(html,
                  "<tr><td>TTFT p99</td><td>298 ms</td>"
                  "<td class=\"best\" title=\"best of the row\">100 ms</td></tr>"));
  EXPECT_TRUE(has(html, "Resolved scenario of second"));
}

TEST(HtmlReport, HoldsThePicturesThatGnuplotDrew) {
  const testing::TemporaryDirectory directory;
  const auto result = sample_result();
  const auto figures = figures_of({&result, 1});
  draw_figures(figures, directory.path());
  const auto html =
      html_report({"t", "", "", {&result, 1}, read_pictures(figures, directory.path())});
  expect_balanced(html);
  EXPECT_TRUE(has(html, "aria-label=\"Mean time of an engine step by phase\""));
  EXPECT_TRUE(has(html, "<figcaption>Tokens of each expert relative to the mean of its layer<"));
  EXPECT_TRUE(has(html, "var(--plot-ink)"));
  EXPECT_FALSE(has(html, "rgb(51,51,51)"));
  EXPECT_FALSE(has(html, "<?xml"));
  EXPECT_THROW(read_pictures(figures, directory.file("none")), InputError);
}

TEST(InlineSvg, MakesIdsUniqueAndLeavesShownTextAlone) {
  const auto svg = inline_svg(
      "<?xml version=\"1.0\"?>\n<svg viewBox=\"0 0 1 1\"><title>Gnuplot</title>"
      "<rect fill=\"#ffffff\"/><path id='gpPt0'/><use xlink:href='#gpPt0'/>"
      "<text fill=\"rgb(51,51,51)\"> id='x' rgb(51,51,51)</text></svg>",
      "load", "A & b");
  EXPECT_EQ(svg,
            "<svg role=\"img\" aria-label=\"A &amp; b\" viewBox=\"0 0 1 1\">"
            "<rect fill=\"var(--plot-page)\"/><path id='load-gpPt0'/>"
            "<use xlink:href='#load-gpPt0'/>"
            "<text fill=\"var(--plot-ink)\"> id='x' rgb(51,51,51)</text></svg>");
}

}  // namespace
}  // namespace moesim
