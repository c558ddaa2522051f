#include "sim/core/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "sim/core/error.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, const std::string& reason) {
  throw InputError(fmt::format("{}: cannot write: {}", path, reason));
}

[[noreturn]] void fail_errno(const std::string& path, int error) {
  fail(path, std::strerror(error));
}

/// An open descriptor that is closed on every way out.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : value_(open(path.c_str(), flags, 0666)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  int value() const { return value_; }
  /// 0, or the error that only closing reveals (a full disk on a network file system).
  int close_now() {
    const int failed = close(value_);
    value_ = -1;
    return failed == 0 ? 0 : errno;
  }

 private:
  int value_;
};

/// Where a path leads: the target of symbolic links, and whether it is written in place.
struct Target {
  std::string path;
  bool in_place = false;
};

Target resolve(const std::string& path) {
  if (path.empty()) fail("''", "the path is empty");
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT) fail_errno(path, errno);
    if (path.back() == '/') fail(path, "it is a directory");
    return {path};
  }
  if (S_ISDIR(info.st_mode)) fail(path, "it is a directory");
  if (access(path.c_str(), W_OK) != 0) fail_errno(path, errno);
  if (!S_ISREG(info.st_mode)) return {path, true};
  std::error_code error;
  const auto real = fs::canonical(path, error);
  if (error) fail(path, error.message());
  return {real.string()};
}

std::string temporary_beside(const std::string& path) {
  const fs::path target(path);
  const auto name = fmt::format(".{}.{}.tmp", target.filename().string(), getpid());
  return (target.parent_path() / name).string();
}

int write_all(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const auto written = write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

void check_writable(const std::string& path) {
  const auto target = resolve(path);
  if (target.in_place) return;
  const auto probe = temporary_beside(target.path);
  const Descriptor file(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC);
  if (file.value() < 0) fail_errno(path, errno);
  unlink(probe.c_str());
}

void prepare_output_directory(const std::string& path) {
  if (path.empty()) fail("''", "the path is empty");
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail(path, error.message());
  if (!fs::is_directory(path, error)) fail(path, "it is not a directory");
  const auto probe = (fs::path(path) / fmt::format(".moesim.{}.tmp", getpid())).string();
  const Descriptor file(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC);
  if (file.value() < 0) fail_errno(path, errno);
  unlink(probe.c_str());
}

void write_output_file(const std::string& path, std::string_view content) {
  const auto target = resolve(path);
  if (target.in_place) {
    const Descriptor file(target.path, O_WRONLY | O_CLOEXEC);
    if (file.value() < 0) fail_errno(path, errno);
    if (const int error = write_all(file.value(), content)) fail_errno(path, error);
    return;
  }
  const auto temporary = temporary_beside(target.path);
  unlink(temporary.c_str());  // of a process with the same id that was killed
  Descriptor file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC);
  if (file.value() < 0) fail_errno(path, errno);
  int error = write_all(file.value(), content);
  if (error == 0) error = file.close_now();
  if (error == 0 && rename(temporary.c_str(), target.path.c_str()) != 0) error = errno;
  if (error != 0) {
    unlink(temporary.c_str());
    fail_errno(path, error);
  }
}

}  // namespace moesim
