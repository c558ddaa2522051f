#include "models/cost/profile_catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "sim/core/data_path.hpp"
#include "sim/core/suggest.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;

std::string folder() { return data_path("models/cost/profiles"); }

/// "vllm" of "h100-sxm.vllm-0.24.0".
std::string library_of(const std::string& name) {
  const auto begin = name.find('.') + 1;
  const auto end = name.find('-', begin);
  return name.substr(begin, end == std::string::npos ? end : end - begin);
}

std::size_t rank_of(const std::string& library) {
  static const std::vector<std::string> order = {"vllm", "sglang", "trtllm"};
  return static_cast<std::size_t>(std::ranges::find(order, library) - order.begin());
}

}  // namespace

std::vector<std::string> profile_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder(), error))
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> profiles_of(const std::string& device, const std::string& library) {
  std::vector<std::string> names;
  for (auto& name : profile_names())
    if (name.starts_with(device + ".")) names.push_back(std::move(name));
  const auto rank = [&](const std::string& name) {
    const auto own = library_of(name);
    return own == library ? std::size_t{0} : 1 + rank_of(own);
  };
  std::ranges::stable_sort(names, {}, rank);
  if (!library.empty() && (names.empty() || library_of(names.front()) != library)) {
    std::vector<std::string> valid;
    for (const auto& name : names) valid.push_back(library_of(name));
    throw InputError(valid.empty()
                         ? fmt::format("no profile of device '{}' ships with moesim", device)
                         : fmt::format("no profile of library '{}' for device '{}'{}", library,
                                       device, did_you_mean(library, valid)));
  }
  return names;
}

std::string profile_file(const std::string& name, const Location& where) {
  if (name.ends_with(".yaml") || name.find('/') != std::string::npos) return name;
  const auto names = profile_names();
  if (std::ranges::find(names, name) != names.end()) return folder() + "/" + name + ".yaml";
  const auto text = fmt::format("unknown profile '{}'{}", name, did_you_mean(name, names));
  throw where.file.empty() ? InputError(text) : InputError(where, text);
}

}  // namespace moesim
