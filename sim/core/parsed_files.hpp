// Files that are read again and again (the models, devices and measured profiles that the scenarios
// of a sweep or a validation name), parsed once per process and again only when they have changed.
// What is in here when a process forks, its children have. One instance per kind of file, static
// where the file is read. Safe for several threads; nothing is dropped: what ships is a few MB.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace moesim {

template <class T>
class ParsedFiles {
 public:
  /// What `parse` makes of the files at `paths`: what it made of them before unless one of them has
  /// another time or size now. A file that cannot be read is left to `parse`, whose exceptions
  /// leave nothing behind.
  template <class Parse>
  std::shared_ptr<const T> get(const std::vector<std::string>& paths, Parse parse) {
    std::vector<Stamp> stamps;
    for (const auto& path : paths) stamps.push_back(stamp_of(path));
    const std::scoped_lock lock(mutex_);
    auto& kept = kept_[paths];
    if (kept.value == nullptr || kept.stamps != stamps)
      kept = {std::move(stamps), std::make_shared<const T>(parse())};
    return kept.value;
  }

 private:
  using Stamp = std::pair<std::filesystem::file_time_type, std::uintmax_t>;
  struct Kept {
    std::vector<Stamp> stamps;
    std::shared_ptr<const T> value;
  };

  static Stamp stamp_of(const std::string& path) {
    std::error_code none;  // no such file: another stamp than that of any file
    const auto time = std::filesystem::last_write_time(path, none);
    return {time, std::filesystem::file_size(path, none)};
  }

  std::mutex mutex_;
  std::map<std::vector<std::string>, Kept> kept_;
};

}  // namespace moesim
