#include "sim/core/input_path.hpp"

#include <filesystem>

#include "sim/core/data_path.hpp"

namespace moesim {

InputPath Value<InputPath>::read(const Node& node) {
  namespace fs = std::filesystem;
  const fs::path path = read_text(node);
  if (path.empty()) throw InputError(node.where, "expected a file name, found ''");
  const fs::path beside = fs::path(node.where.file).parent_path() / path;
  std::error_code ignored;
  if (path.is_relative() && !node.where.file.starts_with("-s ") && fs::exists(beside, ignored))
    return {beside.lexically_normal().string()};
  if (fs::exists(path, ignored)) return {path.string()};
  const fs::path shipped = path.is_relative() ? fs::path(data_path(path.string())) : path;
  if (!fs::exists(shipped, ignored)) throw InputError(node.where, "no such file: " + path.string());
  return {shipped.string()};
}

}  // namespace moesim
