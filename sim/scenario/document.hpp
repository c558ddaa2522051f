// A scenario file with its includes and command-line overrides applied: one YAML tree, every value
// still knowing where it was written. What the keys mean is not known here: each folder reads its
// own section through its parameter list.
//
//   include: base.yaml          # or a list; relative to the including file; keys beside it win
//   over included ones variants: {name: {...}}     # several designs in one file, each merged over
//   the rest
// Merging is deep for mappings, except that a policy whose `type` changes is replaced whole.
#pragma once

#include <string>
#include <vector>

#include "sim/core/node.hpp"

namespace moesim {

/// Reads `path`, resolves includes (InputError on a cycle, with the chain) and applies
/// `key.path=value` overrides in order; a value is YAML. Numbers in a path index lists.
Node load_document(const std::string& path, const std::vector<std::string>& overrides);

/// `over` merged over `base`.
Node merge(const Node& base, const Node& over);

/// The value at `key.path`, null when there is none; `type` of a policy that is written by its name
/// alone is that name.
const Node* find_path(const Node& root, const std::string& path);

/// Sets the value at `key.path`, making the mappings on the way. Numbers in a path index lists.
/// Naming the `type` that a policy already has keeps its parameters. InputError at `where`.
void set_path(Node& root, const std::string& path, Node value, const Location& where);

/// Applies one `key.path=value`.
void apply_override(Node& root, const std::string& assignment);

struct Variant {
  std::string name;  ///< empty when the document has no variants
  Node scenario;     ///< without the key `variants`
};

/// The designs of a document, in the order of the file; overrides given on the command line win
/// over a variant's own values. InputError when `variants` is not a mapping of mappings.
std::vector<Variant> expand_variants(Node document, const std::vector<std::string>& overrides);

}  // namespace moesim
