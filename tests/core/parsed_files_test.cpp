#include "sim/core/parsed_files.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>

#include "sim/core/output_file.hpp"
#include "sim/core/text_file.hpp"

namespace moesim {
namespace {

class ParsedFilesTest : public ::testing::Test {
 protected:
  ParsedFilesTest() { std::filesystem::create_directories(folder_); }
  ~ParsedFilesTest() override { std::filesystem::remove_all(folder_); }
  std::string written(const std::string& name, const std::string& text) const {
    write_output_file(folder_ + "/" + name, text);
    return folder_ + "/" + name;
  }
  std::shared_ptr<const std::string> get(const std::vector<std::string>& paths) {
    return files_.get(paths, [&] {
      ++parsed_;
      return read_text_file(paths.front());
    });
  }

  std::string folder_ = ::testing::TempDir() + "/moesim_parsed_files";
  ParsedFiles<std::string> files_;
  int parsed_ = 0;
};

TEST_F(ParsedFilesTest, AreParsedOnce) {
  const auto file = written("a", "one");
  const auto first = get({file});
  EXPECT_EQ(*first, "one");
  EXPECT_EQ(get({file}), first);
  EXPECT_EQ(*get({written("b", "other")}), "other");
  EXPECT_EQ(parsed_, 2);
}

TEST_F(ParsedFilesTest, AreParsedAgainWhenOneOfThemHasChanged) {
  const auto file = written("a", "one"), beside = folder_ + "/beside";
  const auto first = get({file, beside});
  written("a", "longer");
  EXPECT_EQ(*get({file, beside}), "longer");
  EXPECT_EQ(*first, "one");  // whoever has it keeps it
  written("beside", "now there");
  get({file, beside});
  EXPECT_EQ(parsed_, 3);
}

TEST_F(ParsedFilesTest, KeepNothingOfWhatCouldNotBeParsed) {
  const auto file = written("a", "one");
  const auto fails = []() -> std::string { throw std::runtime_error("no"); };
  EXPECT_THROW(files_.get({file}, fails), std::runtime_error);
  EXPECT_EQ(*get({file}), "one");
}

}  // namespace
}  // namespace moesim
