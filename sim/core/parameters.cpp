#include "sim/core/parameters.hpp"

#include <fmt/format.h>

#include "sim/core/suggest.hpp"

namespace moesim {

void check_keys(const Node& node, const std::vector<std::string>& valid) {
  if (!node.is_mapping())
    throw InputError(node.where, "expected a mapping (key: value), found " + node.describe());
  for (std::size_t i = 0; i < node.keys.size(); ++i)
    if (std::ranges::find(valid, node.keys[i]) == valid.end())
      throw InputError(node.key_where[i], fmt::format("unknown key '{}'{}", node.keys[i],
                                                      did_you_mean(node.keys[i], valid)));
}

void check_bounds(const Node& node, const ParameterInfo& info) {
  if (!info.minimum && !info.maximum) return;
  if (node.is_sequence()) {
    for (const auto& item : node.items) check_bounds(item, info);
    return;
  }
  if (!node.is_scalar()) return;
  const auto show = [&](double bound) {
    return info.dimension ? format_quantity(bound, *info.dimension) : format_number(bound);
  };
  const double value =
      info.dimension ? parse_quantity(node.text, *info.dimension) : read_number(node);
  const auto& minimum = info.minimum;
  if (minimum && (info.minimum_excluded ? value <= *minimum : value < *minimum))
    throw InputError(node.where, fmt::format("{} must be {} {}, found {}", info.name,
                                             info.minimum_excluded ? "above" : "at least",
                                             show(*minimum), node.text));
  if (info.maximum && value > *info.maximum)
    throw InputError(node.where, fmt::format("{} must be at most {}, found {}", info.name,
                                             show(*info.maximum), node.text));
}

}  // namespace moesim
