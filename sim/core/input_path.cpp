#include "sim/core/input_path.hpp"

#include <filesystem>

namespace moesim {

InputPath Value<InputPath>::read(const Node& node) {
  namespace fs = std::filesystem;
  const fs::path path = read_text(node);
  if (path.empty()) throw InputError(node.where, "expected a file name, found ''");
  const fs::path beside = fs::path(node.where.file).parent_path() / path;
  std::error_code ignored;
  if (path.is_relative() && !node.where.file.starts_with("-s ") && fs::exists(beside, ignored))
    return {beside.lexically_normal().string()};
  if (!fs::exists(path, ignored)) throw InputError(node.where, "no such file: " + path.string());
  return {path.string()};
}

}  // namespace moesim
