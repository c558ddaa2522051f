#include "sim/cli/design.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "sim/core/suggest.hpp"
#include "sim/scenario/document.hpp"

namespace moesim {

std::vector<Design> read_designs(const std::vector<std::string>& files,
                                 const std::vector<std::string>& overrides,
                                 const std::string& variant) {
  std::vector<Design> designs;
  for (const auto& file : files) {
    auto variants = expand_variants(load_document(file, overrides), overrides);
    std::vector<std::string> names;
    bool found = false;
    for (auto& v : variants) {
      names.push_back(v.name);
      if (!variant.empty() && v.name != variant) continue;
      found = true;
      Design design{file, v.name, std::move(v.scenario), {}, {}};
      design.scenario = read_serving_scenario(design.document);
      design.places = places_of(design.document);
      auto& title = design.scenario.title;
      if (title.empty()) title = std::filesystem::path(file).stem().string();
      if (!v.name.empty()) title = files.size() > 1 ? title + ": " + v.name : v.name;
      designs.push_back(std::move(design));
    }
    if (!found)
      throw InputError(fmt::format(
          "{}: no variant '{}'{}", file, variant,
          names.front().empty() ? "; the file has none" : did_you_mean(variant, names)));
  }
  return designs;
}

}  // namespace moesim
