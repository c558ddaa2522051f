#include "sim/core/text_file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "tests/core/error_text.hpp"
#include "tests/report/temporary_directory.hpp"

namespace moesim {
namespace {

using testing::error_text;
using testing::TemporaryDirectory;

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string gzip(const std::string& path, const std::string& text) {
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(TextFile, ReadsPlainAndCompressedFilesAlike) {
  const TemporaryDirectory directory;
  std::string text;
  for (int i = 0; i < 300'000; ++i)
    text += "line " + std::to_string(i) + "\n";  // beyond one buffer
  write(directory.file("plain"), text);
  gzip(directory.file("packed"), text);
  EXPECT_EQ(read_text_file(directory.file("plain")), text);
  EXPECT_EQ(read_text_file(directory.file("packed")), text);
}

TEST(TextFile, ReadsAnEmptyFileAndBinaryBytes) {
  const TemporaryDirectory directory;
  write(directory.file("empty"), "");
  write(directory.file("bytes"), std::string("a\0b\xff", 4));
  EXPECT_EQ(read_text_file(directory.file("empty")), "");
  EXPECT_EQ(read_text_file(directory.file("bytes")), std::string("a\0b\xff", 4));
}

TEST(TextFile, SaysWhyItCannotRead) {
  const TemporaryDirectory directory;
  const auto missing = directory.file("missing");
  EXPECT_EQ(error_text([&] { read_text_file(missing); }),
            missing + ": cannot read: No such file or directory");
  EXPECT_EQ(error_text([&] { read_text_file(directory.path()); }),
            directory.path() + ": cannot read: it is a directory");
}

TEST(TextFile, RefusesAFileWithoutPermission) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  const TemporaryDirectory directory;
  const auto path = directory.file("secret");
  write(path, "x");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  EXPECT_EQ(error_text([&] { read_text_file(path); }), path + ": cannot read: Permission denied");
}

TEST(TextFile, RefusesABrokenGzipStream) {
  const TemporaryDirectory directory;
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += std::to_string(i * i);
  const auto packed = gzip(directory.file("packed"), text);
  const auto path = directory.file("broken");
  for (const std::size_t kept : {packed.size() / 2, packed.size() - 4}) {
    write(path, packed.substr(0, kept));
    EXPECT_TRUE(error_text([&] { read_text_file(path); }).starts_with(path + ": cannot read: "))
        << kept;
  }
  auto damaged = packed;
  damaged[packed.size() / 2] = static_cast<char>(damaged[packed.size() / 2] ^ 0x55);
  write(path, damaged);
  EXPECT_TRUE(error_text([&] { read_text_file(path); }).starts_with(path + ": cannot read: "));
}

TEST(TextFile, StopsAtItsLimit) {
  const TemporaryDirectory directory;
  gzip(directory.file("bomb"), std::string(5'000'000, 'x'));
  EXPECT_EQ(error_text([&] { read_text_file(directory.file("bomb"), 1'000'000); }),
            directory.file("bomb") + ": larger than 1000000 bytes");
}

}  // namespace
}  // namespace moesim
