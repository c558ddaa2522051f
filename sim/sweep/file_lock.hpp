// One writer at a time: an advisory lock on a file beside the guarded one, held until the object
// goes or the process ends, however it ends. Not inherited by forked processes, so a worker that
// outlives its killed parent does not keep it. Works where fcntl() locks do (NFS with a lock
// daemon, Lustre with flock).
#pragma once

#include <string>

namespace moesim {

class FileLock {
 public:
  /// Throws InputError: `guarded` is in use by process N; or the lock file cannot be made.
  explicit FileLock(const std::string& guarded);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace moesim
