#include "sim/report/study_html.hpp"

#include <gtest/gtest.h>

namespace moesim {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

StudyResult sample(const std::string& title) {
  StudyResult study;
  study.title = title;
  study.question = "Which paths?";
  study.scenario.set("note", Node::scalar("<b>", true));
  study.gpus = 16;
  study.switches = 8;
  study.link_names = {"a", "b"};
  study.link_capacity = {1e9, 1e9};
  CollectiveOutcome outcome;
  outcome.transport = "planned";
  outcome.collective = "<i>ring</i>";
  outcome.flows = 16;
  outcome.completion_s = {2e-3, 2e-3, 2e-3};
  outcome.bound_s = 1e-3;
  outcome.busiest_link = "a";
  outcome.events = {"100.000 us: leaf 0 to spine 1 failed"};
  study.outcomes = {outcome};
  return study;
}

TEST(StudyHtml, ShowsTableEventsPicturesAndHowToRunItAgain) {
  const auto study = sample("A study");
  const auto html =
      study_html({"moesim run x.yaml", {&study, 1}, {{{"bars", "Bars", "<svg id='x'></svg>"}}}});
  for (const auto* part :
       {"<h1>A study</h1>", "Which paths?", "16 GPUs, 8 switches, 2 links", "<td>planned</td>",
        "<td>2.00 ms</td>", "<td>2.000</td>", "<li>planned: 100.000 us: leaf 0 to spine 1 failed",
        "<svg", "<figcaption>Bars</figcaption>", "<pre>moesim run x.yaml</pre>"})
    EXPECT_TRUE(has(html, part)) << part;
}

TEST(StudyHtml, EscapesTextsAndFetchesNothing) {
  const auto study = sample("<img src=x>");
  const auto html = study_html({"", {&study, 1}, {}});
  EXPECT_TRUE(has(html, "&lt;i&gt;ring&lt;/i&gt;"));
  for (const auto* part : {"<img", "<b>", "<i>ring", "http:", "https:", "<script", "<link"})
    EXPECT_FALSE(has(html, part)) << part;
}

TEST(StudyHtml, HasASectionForEveryVariant) {
  const std::vector<StudyResult> two = {sample("Paths: whole"), sample("Paths: one link failed")};
  const auto html = study_html({"", two, {}});
  EXPECT_TRUE(has(html, "<h1>Paths</h1>"));
  EXPECT_TRUE(has(html, "<h2>Paths: whole</h2>"));
  EXPECT_TRUE(has(html, "<h2>Paths: one link failed</h2>"));
}

}  // namespace
}  // namespace moesim
