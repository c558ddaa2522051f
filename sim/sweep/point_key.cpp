#include "sim/sweep/point_key.hpp"

#include <fmt/format.h>

#include "sim/core/version.hpp"
#include "sim/engine/collective_scenario.hpp"
#include "sim/serving/serving_scenario.hpp"

namespace moesim {
namespace {

Node resolve(const Node& scenario) {
  if (kind_of(scenario) != "collective")
    return ServingScenario::parameters().write(read_serving_scenario(scenario));
  const auto study = read_collective_scenario(scenario);
  if (study.collectives.size() > 1)
    throw InputError(scenario.find("collectives")->where,
                     "a point of a sweep has one collective: make them the values of an axis");
  if (study.transports.size() > 1)
    throw InputError(scenario.find("transports")->where,
                     "a point of a sweep has one transport: make them the values of an axis");
  return CollectiveScenario::parameters().write(study);
}

}  // namespace

std::string hash_text(std::string_view text) {
  __extension__ using Wide = unsigned __int128;
  Wide hash = Wide{0x6c62272e07bb0142} << 64 | 0x62b821756295c58d;
  constexpr Wide prime = Wide{0x0000000001000000} << 64 | 0x000000000000013b;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= prime;
  }
  return fmt::format("{:016x}{:016x}", static_cast<std::uint64_t>(hash >> 64),
                     static_cast<std::uint64_t>(hash));
}

std::string point_key(const Node& scenario) {
  Node resolved = resolve(scenario);
  for (const auto* shown_only : {"title", "question", "timeline"}) resolved.erase(shown_only);
  return hash_text(std::string(version()) + "\n" + to_yaml(resolved));
}

}  // namespace moesim
