// A folder that lasts as long as this object, for files that only pass through.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "sim/core/error.hpp"

namespace moesim {

class TemporaryFolder {
 public:
  /// Throws InputError when the system's folder for such files cannot be written.
  TemporaryFolder() {
    path_ = (std::filesystem::temp_directory_path() / "moesim-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr)
      throw InputError(path_ + ": cannot write: no temporary folder");
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace moesim
