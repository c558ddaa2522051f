#include "sim/sweep/file_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sim/core/error.hpp"

namespace moesim {

FileLock::FileLock(const std::string& guarded) : path_(guarded + ".lock") {
  descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0)
    throw InputError(fmt::format("{}: cannot write: {}", path_, std::strerror(errno)));
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(descriptor_, F_SETLK, &lock) == 0) return;
  const int error = errno;
  lock.l_pid = 0;
  const bool held = (error == EACCES || error == EAGAIN);
  if (held) fcntl(descriptor_, F_GETLK, &lock);
  close(descriptor_);
  if (!held) throw InputError(fmt::format("{}: cannot lock: {}", path_, std::strerror(error)));
  throw InputError(
      fmt::format("{}: another sweep (process {}) is writing it", guarded, lock.l_pid));
}

/// The file stays: removing it would let two processes lock two files of the same name.
FileLock::~FileLock() { close(descriptor_); }

}  // namespace moesim
