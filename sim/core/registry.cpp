#include "sim/core/registry.hpp"

#include <fmt/format.h>

#include "sim/core/suggest.hpp"

namespace moesim {

std::map<std::string, SlotListing>& slot_catalogue() {
  static std::map<std::string, SlotListing> catalogue;
  return catalogue;
}

SlotValue read_slot(const Node& node, std::string_view slot) {
  const auto& listing = slot_catalogue().at(std::string(slot));
  std::vector<std::string> names;
  for (const auto& [name, _] : listing.implementations) names.push_back(name);

  const Node* type = &node;
  Node parameters = Node::mapping();
  parameters.where = node.where;
  if (node.is_mapping()) {
    type = node.find("type");
    if (type == nullptr)
      throw InputError(
          node.where, fmt::format("missing key 'type': which {}{}", slot, did_you_mean("", names)));
    parameters = node;
    parameters.erase("type");
  }
  const auto name = read_text(*type);
  const auto found = listing.implementations.find(name);
  if (found == listing.implementations.end())
    throw InputError(type->where,
                     fmt::format("unknown {} '{}'{}", slot, name, did_you_mean(name, names)));
  Node resolved = found->second.resolve(parameters);
  resolved.where = node.where;
  return {name, std::move(resolved)};
}

}  // namespace moesim
