#include "sim/routing/routing_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "sim/core/data_path.hpp"
#include "sim/core/suggest.hpp"

namespace moesim {

const Parameters<RoutingProfile>& RoutingProfile::parameters() {
  using P = RoutingProfile;
  static const auto list =
      Parameters<P>()
          .required("model", &P::model, "whose routing it is", "DeepSeek-V2-Lite")
          .optional("source", &P::source, "the recorded choices it was fitted to")
          .optional("licence", &P::licence, "licence of that data")
          .optional("note", &P::note, "what was fitted, what was not")
          .required("experts", &P::experts, "routed experts per layer of that model", "64")
          .min(1)
          .required("top_k", &P::top_k, "experts per token of that model", "6")
          .min(1)
          .required("sigma", &P::sigma,
                    "spread of the experts' log popularity, by layer; spread over other depths",
                    "[0.7]")
          .min(0)
          .max(5)
          .optional(
              "popularity", &P::popularity,
              "log popularity at -2.5, -2, ... 2.5 standard deviations of a normal draw, up to "
              "shift and scale; none: log-normal")
          .optional("common", &P::common, "correlation of log popularity between two domains")
          .min(0)
          .max(1)
          .optional("latent_sigma", &P::latent_sigma,
                    "spread of a token's own preference, which all layers share")
          .min(0)
          .max(10)
          .optional("latent_rank", &P::latent_rank, "independent numbers in that preference")
          .min(1)
          .max(256)
          .optional("token_share", &P::token_share,
                    "share of its variance that lasts one or two tokens")
          .min(0)
          .max(1)
          .optional("context_share", &P::context_share,
                    "share of its variance that lasts some twenty tokens")
          .min(0)
          .max(1);
  return list;
}

void RoutingProfile::check(const Node& node) const {
  if (popularity.empty()) return;
  const Location where = node.find("popularity")->where;
  if (popularity.size() != kPopularityKnots)
    throw InputError(where,
                     fmt::format("popularity has {} values; it needs {}, at -2.5, -2, ... 2.5 "
                                 "standard deviations (or none)",
                                 popularity.size(), kPopularityKnots));
  if (!std::ranges::is_sorted(popularity) || popularity.front() >= popularity.back())
    throw InputError(where, "popularity does not grow from its first to its last value");
}

double RoutingProfile::sigma_at(std::int64_t layer, std::int64_t layers) const {
  if (sigma.empty()) return 0;
  const auto last = static_cast<double>(sigma.size() - 1);
  const double at =
      layers > 1 ? static_cast<double>(layer) * last / static_cast<double>(layers - 1) : last / 2;
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, sigma.size() - 1);
  return std::lerp(sigma[below], sigma[above], at - static_cast<double>(below));
}

double RoutingProfile::popularity_at(double normal) const {
  if (popularity.empty()) return normal;
  const double at = (normal - kFirstKnot) / kKnotStep;
  const auto below =
      static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(popularity.size() - 2)));
  return std::lerp(popularity[below], popularity[below + 1], at - static_cast<double>(below));
}

std::vector<std::string> routing_profile_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(data_path("sim/routing/profiles")))
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

RoutingProfile read_routing_profile(const std::string& name) {
  if (name.find('/') != std::string::npos || name.ends_with(".yaml"))
    return RoutingProfile::parameters().read(read_yaml(name));
  const auto names = routing_profile_names();
  if (std::ranges::find(names, name) == names.end())
    throw InputError(
        fmt::format("unknown routing profile '{}'{}", name, did_you_mean(name, names)));
  return RoutingProfile::parameters().read(
      read_yaml(data_path("sim/routing/profiles/" + name + ".yaml")));
}

}  // namespace moesim
