// A YAML document as a tree of values that know where they were written. It is what every reader of
// the project sees; yaml-cpp stays behind parse_yaml(), which refuses duplicate keys and never
// guesses a type: a scalar is text until the parameter that wants it says what it should be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/core/error.hpp"

namespace moesim {

struct Node {
  enum class Kind { kNull, kScalar, kSequence, kMapping };

  Kind kind = Kind::kNull;
  Location where;
  std::string text;               ///< scalar
  bool quoted = false;            ///< scalar written in quotes: a string, never a number
  std::vector<std::string> keys;  ///< mapping, in the order of the file
  std::vector<Location> key_where;
  std::vector<Node> items;  ///< sequence items, or mapping values parallel to `keys`

  static Node scalar(std::string text, bool quoted = false);
  static Node mapping();
  static Node sequence();

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_sequence() const { return kind == Kind::kSequence; }
  bool is_mapping() const { return kind == Kind::kMapping; }
  /// "a mapping", "a list", "nothing", "'text'": for error texts.
  std::string describe() const;

  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);
  /// Appends, or replaces the value of an existing key.
  void set(const std::string& key, Node value, const Location& where = {});
  void erase(std::string_view key);
};

/// Parses one YAML document. Throws InputError at file:line:column for bad syntax, a duplicate key,
/// a key that is not a scalar, more than one document, or a document that grows beyond a million
/// nodes through aliases.
Node parse_yaml(const std::string& text, const std::string& file);

/// Reads and parses; InputError when the file cannot be read.
Node read_yaml(const std::string& path);

/// YAML text that parse_yaml reads back to the same tree.
std::string to_yaml(const Node& node);

}  // namespace moesim
