// parse_yaml and to_yaml: places, what is refused, and that text survives.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "sim/core/node.hpp"
#include "tests/core/error_text.hpp"

namespace moesim {
namespace {

using testing::error_text;

Node parse(const std::string& text) { return parse_yaml(text, "f.yaml"); }
std::string refusal(const std::string& text) {
  return error_text([&] { parse(text); });
}

bool same(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.text != b.text || a.quoted != b.quoted || a.keys != b.keys ||
      a.items.size() != b.items.size())
    return false;
  for (std::size_t i = 0; i < a.items.size(); ++i)
    if (!same(a.items[i], b.items[i])) return false;
  return true;
}

TEST(Yaml, KnowsWhereEveryKeyAndValueWasWritten) {
  const Node root = parse("a:\n  b: 3\n  c: [x, y]\n");
  const Node& a = *root.find("a");
  EXPECT_EQ(to_string(root.key_where[0]), "f.yaml:1:1");
  EXPECT_EQ(to_string(a.key_where[0]), "f.yaml:2:3");
  EXPECT_EQ(to_string(a.find("b")->where), "f.yaml:2:6");
  EXPECT_EQ(to_string(a.find("c")->items[1].where), "f.yaml:3:10");
}

TEST(Yaml, LeavesScalarsAsTheTextTheyAre) {
  const Node root =
      parse("{a: 010, b: yes, c: '010', d: \"yes\", e: 1e3, f: ~, g: null, h: , i: 'null'}");
  EXPECT_EQ(root.find("a")->text, "010");
  EXPECT_FALSE(root.find("a")->quoted);
  EXPECT_EQ(root.find("b")->text, "yes");
  EXPECT_TRUE(root.find("c")->quoted);
  EXPECT_TRUE(root.find("d")->quoted);
  EXPECT_EQ(root.find("e")->text, "1e3");
  for (const char* key : {"f", "g", "h"}) EXPECT_TRUE(root.find(key)->is_null()) << key;
  EXPECT_TRUE(root.find("i")->is_scalar());
}

TEST(Yaml, RefusesDuplicateKeysAtAnyDepth) {
  EXPECT_EQ(refusal("a: 1\nb: 2\na: 3\n"), "f.yaml:3:1: duplicate key 'a' (first at line 1)");
  EXPECT_EQ(refusal("a: {x: 1, x: 2}\n"), "f.yaml:1:11: duplicate key 'x' (first at line 1)");
  EXPECT_EQ(refusal("l:\n- {x: 1}\n- {x: 1, 'x': 2}\n"),
            "f.yaml:3:10: duplicate key 'x' (first at line 3)");
}

TEST(Yaml, RefusesTagsExceptTheOneThatMeansText) {
  EXPECT_EQ(refusal("a: !!int 3\n"),
            "f.yaml:1:4: YAML tag 'tag:yaml.org,2002:int' is not supported here");
  EXPECT_NE(refusal("a: !mine 3\n"), "");
  EXPECT_TRUE(parse("a: ! 3\n").find("a")->quoted);
}

TEST(Yaml, CopiesWhatAnAliasMeans) {
  const Node root = parse("a: &x {b: 1}\nc: *x\n");
  EXPECT_TRUE(same(*root.find("a"), *root.find("c")));
  EXPECT_EQ(refusal("a: *x\n"), "f.yaml:1:4: YAML syntax: the referenced anchor is not defined");
  EXPECT_NE(refusal("a: &x [*x]\n"), "");
}

TEST(Yaml, RefusesAliasesThatGrowWithoutEnd) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int level = 1; level < 12; ++level) {
    const auto name = "*a" + std::to_string(level - 1);
    bomb += "a" + std::to_string(level) + ": &a" + std::to_string(level) + " [" + name;
    for (int i = 1; i < 10; ++i) bomb += ", " + name;
    bomb += "]\n";
  }
  EXPECT_NE(refusal(bomb).find("aliases expand to more than a million values"), std::string::npos);
}

TEST(Yaml, RefusesASecondDocumentAtItsPlace) {
  EXPECT_EQ(refusal("a: 1\n---\nb: 2\n"), "f.yaml:3:1: more than one YAML document in a file");
  for (const char* one : {"---\na: 1\n", "a: 1\n...\n", "a: |+\n  text\n\n", "a: 1"})
    EXPECT_EQ(refusal(one), "") << one;
  EXPECT_EQ(parse("a: |+\n  text\n\n").find("a")->text, "text\n\n");
}

TEST(Yaml, SurvivesDeepNesting) {
  EXPECT_EQ(refusal("a: " + std::string(200, '[') + std::string(200, ']') + "\n"), "");
  for (const int depth : {3000, 100'000}) {
    const auto text = refusal("a: " + std::string(static_cast<std::size_t>(depth), '['));
    EXPECT_TRUE(text.starts_with("f.yaml:")) << text;
    EXPECT_NE(text.find("levels deep"), std::string::npos) << text;
  }
}

TEST(Yaml, ReadsFilesOfOtherSystems) {
  EXPECT_EQ(parse("a: 1\r\nb: x\r\n").find("b")->text, "x");
  const Node marked = parse(
      "\xEF\xBB\xBF"
      "a: 1\n");
  ASSERT_NE(marked.find("a"), nullptr);
  EXPECT_EQ(marked.find("a")->text, "1");
}

TEST(Yaml, RefusesTabsAsIndentation) {
  EXPECT_TRUE(refusal("model:\n\tname: x\n").starts_with("f.yaml:2:"))
      << refusal("model:\n\tname: x\n");
}

TEST(Yaml, SaysWhereTheSyntaxIsBroken) {
  EXPECT_EQ(refusal("model: {name: olmoe\ncluster: 3\n"),
            "f.yaml:2:8: YAML syntax: end of map flow not found");
  for (const char* open : {"a: 'x\n", "a: 'x", "a: \"x\nb: 3\n", "a: [1, 'x\n"})
    EXPECT_NE(refusal(open).find("a quote is opened and never closed"), std::string::npos) << open;
  EXPECT_NE(refusal("a: b: c\n"), "");
  EXPECT_EQ(refusal("{[a, b]: 3}\n"), "f.yaml:1:2: a key must be a word, not a list");
}

TEST(Yaml, ReadsAnEmptyFileAsNothing) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n"}) {
    const Node root = parse(text);
    EXPECT_TRUE(root.is_null()) << text;
    EXPECT_EQ(root.where.file, "f.yaml");
  }
}

TEST(Yaml, SaysWhichFileItCannotRead) {
  EXPECT_EQ(error_text([] { read_yaml("/nowhere/x.yaml"); }),
            "/nowhere/x.yaml: cannot read: No such file or directory");
}

TEST(Yaml, WritesTextThatLooksLikeSomethingElseSoThatItStaysText) {
  Node root = Node::mapping();
  int i = 0;
  for (const char* text : {"010",
                           "yes",
                           "null",
                           "~",
                           "",
                           " lead",
                           "trail ",
                           "a: b",
                           "# no comment",
                           "- x",
                           "{x",
                           "[",
                           "line\nbreak\n",
                           "tab\there",
                           "\"quoted\"",
                           "back\\slash",
                           "*star",
                           "&and",
                           "!bang",
                           "%x",
                           "@y",
                           "`z",
                           "ünïcode \xE2\x82\xAC",
                           "\x01\x1b[0m"})
    root.set("k" + std::to_string(i++), Node::scalar(text, true));
  Node list = Node::sequence();
  list.items = {Node::scalar("3.2 us"), Node{}, root, Node::sequence(), Node::mapping()};
  root.set("list", list);
  EXPECT_TRUE(same(parse(to_yaml(root)), root)) << to_yaml(root);
}

TEST(Yaml, ReadsBackAnyText) {
  const bool holds = rc::check("quoted text survives", [](const std::vector<std::uint8_t>& codes) {
    std::string text;
    for (const auto code : codes)
      if (code % 128 != 0) text += static_cast<char>(code % 128);
    Node root = Node::mapping();
    root.set("text", Node::scalar(text, true));
    Node list = Node::sequence();
    list.items = {Node::scalar(text, true)};
    root.set("list", list);
    RC_ASSERT(same(parse(to_yaml(root)), root));
  });
  EXPECT_TRUE(holds);
}

TEST(Node, SetReplacesAndEraseForgets) {
  Node node = Node::mapping();
  node.set("a", Node::scalar("1"));
  node.set("b", Node::scalar("2"));
  node.set("a", Node::scalar("3"));
  EXPECT_EQ(node.keys, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(node.find("a")->text, "3");
  node.erase("a");
  node.erase("nothing");
  EXPECT_EQ(node.find("a"), nullptr);
  EXPECT_EQ(node.find("b")->text, "2");
  EXPECT_EQ(node.key_where.size(), 1u);
}

}  // namespace
}  // namespace moesim
