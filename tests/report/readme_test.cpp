// The scenario reference in the README is what the registry prints: nobody has to keep it by hand.
#include <gtest/gtest.h>

#include "sim/core/text_file.hpp"
#include "sim/report/reference.hpp"

namespace moesim {
namespace {

TEST(Readme, HoldsTheReferenceThatTheRegistryPrints) {
  const auto readme = read_text_file(MOESIM_SOURCE_DIR "/README.md");
  const std::string begin = "<!-- reference:begin -->\n", end = "<!-- reference:end -->";
  const auto from = readme.find(begin), to = readme.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  std::string expected = reference_markdown();
  // The test program holds one policy more: the example of how to add one.
  const auto example = expected.find("| **test-random-rank**");
  ASSERT_NE(example, std::string::npos);
  const auto after = expected.find("\n", expected.find("`salt`", example)) + 1;
  expected.erase(example, after - example);
  EXPECT_EQ(readme.substr(from + begin.size(), to - from - begin.size()), expected)
      << "replace the section by the output of ./moesim list --markdown";
}

}  // namespace
}  // namespace moesim
