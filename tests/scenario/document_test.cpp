#include "sim/scenario/document.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/core/error_text.hpp"
#include "tests/report/temporary_directory.hpp"

namespace moesim {
namespace {

using testing::error_text;

class Document : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    const auto path = directory_.file(name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
  }
  Node load(const std::string& text, const std::vector<std::string>& overrides = {}) {
    write("main.yaml", text);
    return load_document(directory_.file("main.yaml"), overrides);
  }
  std::string refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
    return without_folder(error_text([&] { load(text, overrides); }));
  }
  std::string without_folder(std::string text) const {
    const auto folder = directory_.path() + "/";
    for (auto at = text.find(folder); at != std::string::npos; at = text.find(folder))
      text.erase(at, folder.size());
    return text;
  }
  testing::TemporaryDirectory directory_;
};

std::string at(const Node& root, const std::string& a, const std::string& b) {
  const Node* section = root.find(a);
  const Node* value = section == nullptr ? nullptr : section->find(b);
  return value == nullptr ? "(absent)" : value->text;
}

TEST_F(Document, IncludesFilesRelativeToTheIncludingOne) {
  write("parts/base.yaml", "include: deeper.yaml\nengine: {a: 1, b: 2}\n");
  write("parts/deeper.yaml", "engine: {b: 9, c: 3}\n");
  const Node root = load("include: parts/base.yaml\nengine: {a: 7}\n");
  EXPECT_EQ(at(root, "engine", "a"), "7");
  EXPECT_EQ(at(root, "engine", "b"), "2");
  EXPECT_EQ(at(root, "engine", "c"), "3");
  EXPECT_EQ(root.find("include"), nullptr);
  EXPECT_EQ(without_folder(to_string(root.find("engine")->find("b")->where)),
            "parts/base.yaml:2:19");
}

TEST_F(Document, LaterFilesOfAListOfIncludesWin) {
  write("one.yaml", "engine: {a: 1, b: 1}\n");
  write("two.yaml", "engine: {b: 2}\n");
  const Node root = load("include: [one.yaml, two.yaml]\n");
  EXPECT_EQ(at(root, "engine", "a"), "1");
  EXPECT_EQ(at(root, "engine", "b"), "2");
}

TEST_F(Document, IncludesInsideSectionsAndTheSameFileTwice) {
  write("base.yaml", "k: 1\n");
  const Node root = load("a: {include: base.yaml}\nb: {include: base.yaml, k: 2}\n");
  EXPECT_EQ(at(root, "a", "k"), "1");
  EXPECT_EQ(at(root, "b", "k"), "2");
}

TEST_F(Document, RefusesIncludesThatComeBack) {
  EXPECT_EQ(refusal("include: main.yaml\n"),
            "main.yaml:1:10: recursive include: main.yaml -> main.yaml");
  write("b.yaml", "x: 1\ninclude: main.yaml\n");
  EXPECT_EQ(refusal("include: b.yaml\n"),
            "b.yaml:2:10: recursive include: main.yaml -> b.yaml -> main.yaml");
}

TEST_F(Document, RefusesIncludesThatCannotBeRead) {
  EXPECT_EQ(refusal("a: 1\ninclude: nix.yaml\n"),
            "main.yaml:2:10: include: nix.yaml: cannot read: No such file or directory");
  write("folder/x", "");
  EXPECT_EQ(refusal("include: folder\n"),
            "main.yaml:1:10: include: folder: cannot read: it is a directory");
  EXPECT_EQ(refusal("include: {a: 3}\n"),
            "main.yaml:1:10: include: expected a file name, found a mapping");
  write("list.yaml", "- 1\n");
  EXPECT_EQ(refusal("include: list.yaml\n"), "main.yaml:1:10: include: list.yaml is not a mapping");
}

TEST_F(Document, RefusesAFileThatIsNoScenario) {
  EXPECT_EQ(refusal(""), "main.yaml:1:1: the file is empty");
  EXPECT_EQ(refusal("- 1\n"), "main.yaml:1:1: a scenario is a mapping (key: value), found a list");
  EXPECT_EQ(refusal("hello\n"),
            "main.yaml:1:1: a scenario is a mapping (key: value), found 'hello'");
}

TEST_F(Document, OverridesReplaceAndCreateInTheirOrder) {
  const Node root =
      load("engine: {a: 1}\n", {"engine.a=2", "slo.ttft=1 s", "engine.a=3", "engine.l=[1]"});
  EXPECT_EQ(at(root, "engine", "a"), "3");
  EXPECT_EQ(at(root, "slo", "ttft"), "1 s");
  EXPECT_TRUE(root.find("engine")->find("l")->is_sequence());
}

TEST_F(Document, OverridesReachIntoLists) {
  const Node root = load("list: [{a: 1}, {a: 2}]\n", {"list.1.a=5"});
  EXPECT_EQ(root.find("list")->items[1].find("a")->text, "5");
  EXPECT_EQ(root.find("list")->items[0].find("a")->text, "1");
  for (const char* bad : {"list.2.a=5", "list.x=5", "list.-1=5", "list.1x=5"})
    EXPECT_NE(refusal("list: [{a: 1}, {a: 2}]\n", {bad}).find("is not an index of a list of 2"),
              std::string::npos)
        << bad;
}

TEST_F(Document, OverridesGiveAPolicyWrittenByNameItsParameters) {
  const Node root = load("e: {scheduler: vllm-v1}\n", {"e.scheduler.chunked_prefill=false"});
  const Node* scheduler = root.find("e")->find("scheduler");
  EXPECT_EQ(scheduler->find("type")->text, "vllm-v1");
  EXPECT_EQ(scheduler->find("chunked_prefill")->text, "false");
}

TEST_F(Document, OverrideWithTheSamePolicyKeepsItsParametersAndWithAnotherDropsThem) {
  const std::string text = "w: {arrivals: {type: poisson, rate: 4 /s}}\n";
  const Node same = load(text, {"w.arrivals=poisson"});
  EXPECT_EQ(same.find("w")->find("arrivals")->find("rate")->text, "4 /s");
  const Node other = load(text, {"w.arrivals=at-once"});
  EXPECT_TRUE(other.find("w")->find("arrivals")->is_scalar());
}

TEST_F(Document, RefusesAnOverrideThatIsNone) {
  for (const char* bad : {"seed", "=3", ""})
    EXPECT_NE(refusal("a: 1\n", {bad}).find("expected key.path=value"), std::string::npos) << bad;
  EXPECT_EQ(refusal("a: 1\n", {"a..b=3"}), "-s a..b=3: empty key in 'a..b'");
  EXPECT_NE(refusal("a: 1\n", {"a=[1"}).find("YAML syntax"), std::string::npos);
}

TEST(Merge, IsDeepForMappingsAndReplacesTheRest) {
  const auto merged = merge(parse_yaml("{a: {x: 1, y: 2}, l: [1, 2], s: 1}", "f"),
                            parse_yaml("{a: {y: 3}, l: [9], s: {t: 1}}", "g"));
  EXPECT_EQ(at(merged, "a", "x"), "1");
  EXPECT_EQ(at(merged, "a", "y"), "3");
  EXPECT_EQ(merged.find("l")->items.size(), 1u);
  EXPECT_EQ(at(merged, "s", "t"), "1");
}

TEST(Merge, DropsTheParametersOfAPolicyWhoseTypeChanges) {
  const Node base = parse_yaml("{arrivals: {type: poisson, rate: 4 /s}}", "f");
  const Node other =
      merge(base, parse_yaml("{arrivals: {type: closed-loop, concurrency: 8}}", "g"));
  EXPECT_EQ(at(other, "arrivals", "rate"), "(absent)");
  EXPECT_EQ(at(other, "arrivals", "concurrency"), "8");
  const Node same = merge(base, parse_yaml("{arrivals: {type: poisson, seed: 8}}", "g"));
  EXPECT_EQ(at(same, "arrivals", "rate"), "4 /s");
}

TEST_F(Document, ExpandsVariantsInTheOrderOfTheFile) {
  const Node root = load("e: {a: 1, b: 1}\nvariants:\n  second: {e: {a: 2}}\n  first:\n");
  const auto variants = expand_variants(root, {});
  ASSERT_EQ(variants.size(), 2u);
  EXPECT_EQ(variants[0].name, "second");
  EXPECT_EQ(at(variants[0].scenario, "e", "a"), "2");
  EXPECT_EQ(at(variants[0].scenario, "e", "b"), "1");
  EXPECT_EQ(at(variants[1].scenario, "e", "a"), "1");
  EXPECT_EQ(variants[0].scenario.find("variants"), nullptr);
  EXPECT_EQ(expand_variants(load("e: {a: 1}\n"), {}).front().name, "");
}

TEST_F(Document, TheCommandLineWinsOverAVariant) {
  const std::vector<std::string> overrides = {"e.a=5", "variants.x.e.b=6"};
  const auto variants =
      expand_variants(load("e: {a: 1}\nvariants: {x: {e: {a: 2}}}\n", overrides), overrides);
  ASSERT_EQ(variants.size(), 1u);
  EXPECT_EQ(at(variants[0].scenario, "e", "a"), "5");
  EXPECT_EQ(at(variants[0].scenario, "e", "b"), "6");
}

TEST_F(Document, RefusesVariantsThatAreNoMapping) {
  const auto expand = [&](const std::string& text) {
    const Node root = load(text);
    return without_folder(error_text([&] { expand_variants(root, {}); }));
  };
  const std::string expected = ": variants: expected a mapping from name to changes, found ";
  EXPECT_EQ(expand("variants: [a]\n"), "main.yaml:1:11" + expected + "a list");
  EXPECT_EQ(expand("variants: {}\n"), "main.yaml:1:11" + expected + "an empty one");
  EXPECT_EQ(expand("variants: {a: 3}\n"),
            "main.yaml:1:15: variants.a: expected a mapping of changes, found '3'");
}

}  // namespace
}  // namespace moesim
