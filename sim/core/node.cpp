#include "sim/core/node.hpp"

#include <algorithm>

namespace moesim {

Node Node::scalar(std::string text, bool quoted) {
  Node node;
  node.kind = Kind::kScalar;
  node.text = std::move(text);
  node.quoted = quoted;
  return node;
}

Node Node::mapping() {
  Node node;
  node.kind = Kind::kMapping;
  return node;
}

Node Node::sequence() {
  Node node;
  node.kind = Kind::kSequence;
  return node;
}

std::string Node::describe() const {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kScalar:
      return "'" + text + "'";
    case Kind::kSequence:
      return "a list";
    case Kind::kMapping:
      return "a mapping";
  }
  return "";
}

const Node* Node::find(std::string_view key) const {
  const auto it = std::ranges::find(keys, key);
  return it == keys.end() ? nullptr : &items[static_cast<std::size_t>(it - keys.begin())];
}

Node* Node::find(std::string_view key) {
  return const_cast<Node*>(static_cast<const Node*>(this)->find(key));
}

void Node::set(const std::string& key, Node value, const Location& at) {
  if (auto* existing = find(key)) {
    *existing = std::move(value);
    return;
  }
  keys.push_back(key);
  key_where.push_back(at);
  items.push_back(std::move(value));
}

void Node::erase(std::string_view key) {
  const auto it = std::ranges::find(keys, key);
  if (it == keys.end()) return;
  const auto index = it - keys.begin();
  keys.erase(it);
  key_where.erase(key_where.begin() + index);
  items.erase(items.begin() + index);
}

}  // namespace moesim
