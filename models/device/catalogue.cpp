#include "models/device/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "sim/core/parsed_files.hpp"
#include "sim/core/suggest.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;

/// Upper and lower case, '_' and '-' are the same.
std::string normalised(std::string_view name) {
  std::string text;
  for (const char c : name)
    text += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool is_path(const std::string& name) {
  return name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
}

std::vector<std::string> fields_of(const Node& body) {
  std::vector<std::string> fields;
  for (std::size_t i = 0; i < body.keys.size(); ++i) {
    if (!body.items[i].is_mapping()) fields.push_back(body.keys[i]);
    for (const auto& inner : body.items[i].keys) fields.push_back(body.keys[i] + "." + inner);
  }
  return fields;
}

Node taken(Node& document, const std::string& key) {
  const Node* found = document.find(key);
  Node value = found != nullptr ? *found : Node{};
  document.erase(key);
  return value;
}

Description parse_description(const std::string& path) {
  Description description;
  description.body = read_yaml(path);
  if (!description.body.is_mapping())
    throw InputError(description.body.where,
                     "expected a mapping (key: value), found " + description.body.describe());
  const Node name = taken(description.body, "name");
  if (name.is_null()) throw InputError(description.body.where, "missing key 'name'");
  description.name = read_text(name);
  const Node aliases = taken(description.body, "aliases");
  if (!aliases.is_null()) description.aliases = Value<std::vector<std::string>>::read(aliases);
  const Node sources = taken(description.body, "sources");
  if (!sources.is_null()) check_keys(sources, fields_of(description.body));
  for (std::size_t i = 0; i < sources.keys.size(); ++i)
    description.sources.emplace_back(sources.keys[i], read_text(sources.items[i]));
  return description;
}

}  // namespace

std::vector<std::string> Description::without_source() const {
  auto fields = fields_of(body);
  for (const auto& [field, _] : sources) std::erase(fields, field);
  return fields;
}

Description read_description(const std::string& path) {
  static ParsedFiles<Description> descriptions;
  return *descriptions.get({path}, [&] { return parse_description(path); });
}

std::vector<std::string> description_names(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error))
    if (entry.is_regular_file() && entry.path().extension() == ".yaml")
      names.push_back(entry.path().stem().string());
  if (error) throw InputError(fmt::format("{}: cannot read: {}", directory, error.message()));
  std::ranges::sort(names);
  return names;
}

namespace {

/// "unknown device 'h10'; did you mean 'h100-sxm'? (valid: ...)": a near alias suggests the name it
/// stands for.
[[noreturn]] void refuse(const std::string& kind, const std::string& name, const Location& where,
                         const std::vector<std::pair<std::string, std::string>>& spellings,
                         const std::vector<std::string>& names) {
  std::string word = name.substr(0, 64);
  int best = 3;  // an alias is short: more than two edits away is another word
  for (const auto& [spelling, canonical] : spellings)
    if (const int distance = edit_distance(name.substr(0, 64), spelling); distance < best) {
      best = distance;
      word = canonical;
    }
  const auto text = fmt::format("unknown {} '{}'{}", kind, name, did_you_mean(word, names));
  throw where.file.empty() ? InputError(text) : InputError(where, text);
}

}  // namespace

Description find_description(const std::string& directory, const std::string& kind,
                             const std::string& name, const Location& where) {
  if (is_path(name)) return read_description(name);
  const auto wanted = normalised(name);
  const auto names = description_names(directory);
  const auto file = [&](const std::string& stem) { return directory + "/" + stem + ".yaml"; };
  if (std::ranges::find(names, wanted) != names.end()) return read_description(file(wanted));
  std::vector<std::pair<std::string, std::string>> spellings;
  for (const auto& stem : names) {
    auto description = read_description(file(stem));
    spellings.emplace_back(stem, stem);
    for (const auto& alias : description.aliases) {
      if (normalised(alias) == wanted) return description;
      spellings.emplace_back(alias, stem);
    }
  }
  refuse(kind, name, where, spellings, names);
}

Device load_device(const std::string& directory, const std::string& name, const Location& where) {
  const auto description = find_description(directory, "device", name, where);
  auto device = Device::parameters().read(description.body);
  device.name = description.name;
  return device;
}

NodeProfile load_node(const std::string& directory, const std::string& name,
                      const Location& where) {
  const auto description = find_description(directory, "node", name, where);
  auto node = NodeProfile::parameters().read(description.body);
  node.name = description.name;
  return node;
}

}  // namespace moesim
