#include "sim/core/data_path.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "sim/core/error.hpp"

namespace moesim {
namespace {

bool holds_data(const std::string& directory) {
  std::error_code ignored;
  return std::filesystem::is_directory(std::filesystem::path(directory) / "models", ignored);
}

}  // namespace

std::string data_directory() {
  const char* home = std::getenv("MOESIM_HOME");
  if (home != nullptr && *home != '\0') {
    if (holds_data(home)) return home;
    throw InputError(fmt::format("MOESIM_HOME: {} has no folder 'models'", home));
  }
  for (const std::string directory : {MOESIM_SOURCE_DIR, MOESIM_INSTALL_DIR})
    if (holds_data(directory)) return directory;
  throw InputError(
      fmt::format("the data of moesim is neither in {} nor in {}; set the environment variable "
                  "MOESIM_HOME to the folder that "
                  "has 'models' in it",
                  MOESIM_SOURCE_DIR, MOESIM_INSTALL_DIR));
}

std::string data_path(const std::string& relative) {
  return (std::filesystem::path(data_directory()) / relative).string();
}

}  // namespace moesim
