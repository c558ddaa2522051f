#include "sim/core/output_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "sim/core/error.hpp"
#include "sim/core/text_file.hpp"
#include "tests/report/temporary_directory.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryDirectory;

std::size_t files_in(const std::string& path) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(path), fs::directory_iterator()));
}

template <class Action>
std::string refusal_to_write(const Action& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(OutputFile, ReplacesTheOldContentAndLeavesNothingElse) {
  const TemporaryDirectory directory;
  const auto path = directory.file("r.json");
  write_output_file(path, "old and longer");
  write_output_file(path, std::string_view("n\0w", 3));
  EXPECT_EQ(read_text_file(path), std::string("n\0w", 3));
  EXPECT_EQ(files_in(directory.path()), 1u);
}

TEST(OutputFile, CheckCreatesNothing) {
  const TemporaryDirectory directory;
  check_writable(directory.file("r.json"));
  EXPECT_EQ(files_in(directory.path()), 0u);
}

TEST(OutputFile, CheckRefusesWhatWritingWouldRefuse) {
  const TemporaryDirectory directory;
  for (const auto& path : {directory.file("missing/r.json"), directory.path(), std::string(),
                           directory.file("new/"), directory.file(std::string(300, 'x'))}) {
    const auto early = refusal_to_write([&] { check_writable(path); });
    EXPECT_NE(early, "accepted") << path;
    EXPECT_EQ(early, refusal_to_write([&] { write_output_file(path, "x"); }));
  }
}

TEST(OutputFile, NamesPathAndReason) {
  const TemporaryDirectory directory;
  const auto path = directory.file("missing/r.json");
  EXPECT_EQ(refusal_to_write([&] { check_writable(path); }),
            path + ": cannot write: No such file or directory");
  EXPECT_EQ(refusal_to_write([&] { check_writable(directory.path()); }),
            directory.path() + ": cannot write: it is a directory");
}

TEST(OutputFile, KeepsASymbolicLinkAndReplacesItsTarget) {
  const TemporaryDirectory directory;
  write_output_file(directory.file("target"), "old");
  fs::create_symlink(directory.file("target"), directory.file("link"));
  write_output_file(directory.file("link"), "new");
  EXPECT_TRUE(fs::is_symlink(directory.file("link")));
  EXPECT_EQ(read_text_file(directory.file("target")), "new");
}

TEST(OutputFile, WritesADeviceInPlace) {
  write_output_file("/dev/null", "gone");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(OutputFile, DirectoryIsMadeWithItsParents) {
  const TemporaryDirectory directory;
  prepare_output_directory(directory.file("a/b"));
  EXPECT_TRUE(fs::is_directory(directory.file("a/b")));
  EXPECT_EQ(files_in(directory.file("a/b")), 0u);
  write_output_file(directory.file("plain"), "");
  EXPECT_EQ(refusal_to_write([&] {
              prepare_output_directory(directory.file("plain"));
            }).find(directory.file("plain") + ": cannot write: "),
            0u);
}

}  // namespace
}  // namespace moesim
