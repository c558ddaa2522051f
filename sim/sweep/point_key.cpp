#include "sim/sweep/point_key.hpp"

#include <fmt/format.h>

#include "sim/core/version.hpp"

namespace moesim {

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

std::string point_key(const ServingScenario& scenario) {
  Node resolved = ServingScenario::parameters().write(scenario);
  for (const auto* shown_only : {"title", "question", "timeline"}) resolved.erase(shown_only);
  return hash_text(std::string(version()) + "\n" + to_yaml(resolved));
}

}  // namespace moesim
