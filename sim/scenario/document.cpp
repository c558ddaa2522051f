#include "sim/scenario/document.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace moesim {
namespace {

Node load(const std::string& path, std::vector<std::string>& chain, const Location* included_at);

// Replaces `include:` in every mapping of the tree by what it names.
void resolve_includes(Node& node, std::vector<std::string>& chain) {
  for (auto& item : node.items) resolve_includes(item, chain);
  const Node* include = node.is_mapping() ? node.find("include") : nullptr;
  if (include == nullptr) return;
  std::vector<Node> files;
  if (include->is_sequence())
    files = include->items;
  else
    files.push_back(*include);
  Node base = Node::mapping();
  base.where = node.where;
  for (const auto& file : files) {
    if (!file.is_scalar())
      throw InputError(file.where, "include: expected a file name, found " + file.describe());
    const auto folder = std::filesystem::path(chain.back()).parent_path();
    const Node included =
        load((folder / file.text).lexically_normal().string(), chain, &file.where);
    if (!included.is_mapping())
      throw InputError(file.where, fmt::format("include: {} is not a mapping", file.text));
    base = merge(base, included);
  }
  node.erase("include");
  node = merge(base, node);
}

Node load(const std::string& path, std::vector<std::string>& chain, const Location* included_at) {
  const auto same = [&](const std::string& open) {
    std::error_code ignored;
    return open == path || std::filesystem::equivalent(open, path, ignored);
  };
  if (std::ranges::any_of(chain, same)) {
    chain.push_back(path);
    throw InputError(*included_at, fmt::format("recursive include: {}", fmt::join(chain, " -> ")));
  }
  Node node;
  try {
    node = read_yaml(path);
  } catch (const InputError& error) {
    const std::string text = error.what();
    const bool unreadable = text.starts_with(path + ": cannot read");
    if (!unreadable || included_at == nullptr) throw;
    throw InputError(*included_at, "include: " + text);
  }
  chain.push_back(path);
  resolve_includes(node, chain);
  chain.pop_back();
  return node;
}

}  // namespace

Node merge(const Node& base, const Node& over) {
  if (!base.is_mapping() || !over.is_mapping()) return over;
  const Node* old_type = base.find("type");
  const Node* new_type = over.find("type");
  if (new_type != nullptr && (old_type == nullptr || old_type->text != new_type->text)) return over;
  Node merged = base;
  merged.where = over.where;
  for (std::size_t i = 0; i < over.keys.size(); ++i) {
    Node* existing = merged.find(over.keys[i]);
    if (existing == nullptr) {
      merged.set(over.keys[i], over.items[i], over.key_where[i]);
      continue;
    }
    *existing = merge(*existing, over.items[i]);
    const auto index = std::ranges::find(merged.keys, over.keys[i]) - merged.keys.begin();
    merged.key_where[static_cast<std::size_t>(index)] = over.key_where[i];
  }
  return merged;
}

const Node* find_path(const Node& root, const std::string& path) {
  const Node* node = &root;
  for (std::size_t begin = 0; begin <= path.size() && node != nullptr;) {
    const auto end = std::min(path.find('.', begin), path.size());
    const auto key = path.substr(begin, end - begin);
    begin = end + 1;
    if (node->is_scalar() && key == "type") continue;  // a policy written by its name alone
    node = node->is_mapping() ? node->find(key) : nullptr;
  }
  return node;
}

void set_path(Node& root, const std::string& path, Node value, const Location& where) {
  Node* node = &root;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('.', begin), path.size());
    const std::string key = path.substr(begin, end - begin);
    if (key.empty()) throw InputError(where, "empty key in '" + path + "'");
    begin = end + 1;
    if (node->is_sequence()) {
      std::size_t index = 0;
      const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), index);
      if (error != std::errc() || stop != key.data() + key.size() || index >= node->items.size())
        throw InputError(
            where, fmt::format("'{}' is not an index of a list of {}", key, node->items.size()));
      node = &node->items[index];
      continue;
    }
    if (node->is_scalar()) {  // a policy written by its name alone gets room for parameters
      Node policy = Node::mapping();
      policy.where = node->where;
      policy.set("type", *node, node->where);
      *node = policy;
    } else if (node->is_null()) {
      *node = Node::mapping();
      node->where = where;
    }
    if (node->find(key) == nullptr) node->set(key, Node{}, where);
    node = node->find(key);
  }
  const Node* old_type = node->is_mapping() ? node->find("type") : nullptr;
  const bool keeps_parameters =
      old_type != nullptr && value.is_scalar() && value.text == old_type->text;
  if (!keeps_parameters) *node = std::move(value);
}

void apply_override(Node& root, const std::string& assignment) {
  const Location where{"-s " + assignment, 0, 0};
  const auto equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0)
    throw InputError(where, "expected key.path=value, like -s engine.max_sequences=64");
  set_path(root, assignment.substr(0, equals),
           parse_yaml(assignment.substr(equals + 1), where.file), where);
}

Node load_document(const std::string& path, const std::vector<std::string>& overrides) {
  std::vector<std::string> chain;
  Node root = load(path, chain, nullptr);
  if (root.is_null()) throw InputError(Location{path, 1, 1}, "the file is empty");
  if (!root.is_mapping())
    throw InputError(root.where, "a scenario is a mapping (key: value), found " + root.describe());
  for (const auto& assignment : overrides) apply_override(root, assignment);
  return root;
}

std::vector<Variant> expand_variants(Node document, const std::vector<std::string>& overrides) {
  const Node* section = document.find("variants");
  if (section == nullptr || section->is_null()) {
    document.erase("variants");
    return {{"", std::move(document)}};
  }
  const Node variants = *section;
  document.erase("variants");
  if (!variants.is_mapping() || variants.keys.empty())
    throw InputError(variants.where,
                     "variants: expected a mapping from name to changes, found " +
                         (variants.is_mapping() ? "an empty one" : variants.describe()));
  std::vector<Variant> designs;
  for (std::size_t i = 0; i < variants.keys.size(); ++i) {
    const Node& changes = variants.items[i];
    if (!changes.is_mapping() && !changes.is_null())
      throw InputError(changes.where,
                       fmt::format("variants.{}: expected a mapping of changes, found {}",
                                   variants.keys[i], changes.describe()));
    Node scenario = changes.is_null() ? document : merge(document, changes);
    for (const auto& assignment : overrides)
      if (!assignment.starts_with("variants.")) apply_override(scenario, assignment);
    designs.push_back({variants.keys[i], std::move(scenario)});
  }
  return designs;
}

}  // namespace moesim
