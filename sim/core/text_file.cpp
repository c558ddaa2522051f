#include "sim/core/text_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "sim/core/error.hpp"

namespace moesim {

std::string read_text_file(const std::string& path, std::size_t limit) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0)
    throw InputError(fmt::format("{}: cannot read: {}", path, std::strerror(errno)));
  if (S_ISDIR(info.st_mode)) throw InputError(path + ": cannot read: it is a directory");
  // gzread passes plain files through, so one reader serves both.
  const std::unique_ptr<gzFile_s, decltype(&gzclose)> file(gzopen(path.c_str(), "rb"), &gzclose);
  if (!file) throw InputError(fmt::format("{}: cannot read: {}", path, std::strerror(errno)));
  std::string content;
  std::string buffer(1 << 20, '\0');
  while (true) {
    const int got = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
    if (got < 0) {
      int code = 0;
      throw InputError(fmt::format("{}: cannot read: {}", path, gzerror(file.get(), &code)));
    }
    if (got == 0) break;
    content.append(buffer, 0, static_cast<std::size_t>(got));
    if (content.size() > limit)
      throw InputError(fmt::format("{}: larger than {} bytes", path, limit));
  }
  int code = Z_OK;
  gzerror(file.get(), &code);
  if (code == Z_BUF_ERROR) throw InputError(path + ": cannot read: truncated gzip stream");
  return content;
}

}  // namespace moesim
