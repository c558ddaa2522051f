#include "sim/serving/engine_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "sim/core/data_path.hpp"
#include "sim/core/error.hpp"
#include "sim/core/suggest.hpp"
#include "sim/scenario/document.hpp"

namespace moesim {
namespace {

std::string folder() { return data_path("sim/serving/engines"); }

}  // namespace

std::vector<std::string> engine_profile_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder(), error))
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

Node with_engine_profile(const Node& document) {
  const Node* name = find_path(document, "engine.profile");
  if (name == nullptr || !name->is_scalar() || name->text.empty()) return document;
  const auto names = engine_profile_names();
  if (std::ranges::find(names, name->text) == names.end())
    throw InputError(name->where, fmt::format("unknown engine profile '{}'{}", name->text,
                                              did_you_mean(name->text, names)));
  return merge(load_document(folder() + "/" + name->text + ".yaml", {}), document);
}

}  // namespace moesim
