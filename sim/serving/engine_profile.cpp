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

/// `document` over what the profile that the section `engine` at `path` names gives there.
Node with_profile_of(const Node& document, const std::vector<std::string>& path) {
  const Node* engine = &document;
  for (const auto& key : path)
    if (engine = engine->is_mapping() ? engine->find(key) : nullptr; engine == nullptr)
      return document;
  const Node* name = engine->is_mapping() ? engine->find("profile") : nullptr;
  if (name == nullptr || !name->is_scalar() || name->text.empty()) return document;
  const auto names = engine_profile_names();
  if (std::ranges::find(names, name->text) == names.end())
    throw InputError(name->where, fmt::format("unknown engine profile '{}'{}", name->text,
                                              did_you_mean(name->text, names)));
  const auto profile = load_document(folder() + "/" + name->text + ".yaml", {});
  Node base = *profile.find("engine");
  for (auto key = path.rbegin(); key != path.rend(); ++key) {
    Node outer = Node::mapping();
    outer.set(*key, std::move(base));
    base = std::move(outer);
  }
  return merge(base, document);
}

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
  return with_profile_of(with_profile_of(with_profile_of(document, {"engine"}),
                                         {"disaggregation", "prefill", "engine"}),
                         {"disaggregation", "decode", "engine"});
}

}  // namespace moesim
