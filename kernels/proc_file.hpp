// One field out of a file of /proc, where Linux tells what the machine is. Absent files and fields
// are empty text: a program measures without knowing the name of its CPU.
#pragma once

#include <cstddef>
#include <fstream>
#include <string>
#include <string_view>

namespace moesim::kernels {

/// The text behind "key :" on the first line that begins with the key.
inline std::string field_of_file(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const std::size_t first = line.find_first_not_of(": \t", key.size());
    return first == std::string::npos ? "" : line.substr(first);
  }
  return "";
}

}  // namespace moesim::kernels
