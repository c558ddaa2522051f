// Packet spraying: every flow over all its shortest paths at once. `rigid` gives every path the
// same share (a slow link throttles all), `capacity-aware` a share by what its links carry, and
// `blended` lies between: packet-level sprayers resend what a slow link drops on another path and
// so come near the capacity-aware bound without reaching it.
#include <fmt/format.h>

#include "sim/platform/transport.hpp"
#include "sim/transport/goodput.hpp"

namespace moesim {
namespace {

enum class Shares { rigid, capacity_aware, blended };
const std::vector<std::string>& names_of(Shares) {
  static const std::vector<std::string> names = {"rigid", "capacity-aware", "blended"};
  return names;
}

/// More pieces than this from one flow are not simulated one by one.
constexpr std::int64_t kMostPaths = 4096;

class Spray final : public Transport {
 public:
  struct Config {
    Shares shares = Shares::rigid;
    double rigid_part = 0.1;
    std::vector<double> goodput{1};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("shares", &Config::shares,
                        "of the paths; rigid: equal; capacity-aware: by the bandwidth of their "
                        "links; blended: in between")
              .optional("rigid_part", &Config::rigid_part,
                        "blended: part of the bytes that is divided rigidly (0.1 fits packet-level "
                        "permutations with a link at half and at quarter speed)")
              .min(0)
              .max(1)
              .optional("goodput", &Config::goodput, kGoodputDoc)
              .above(0)
              .max(1);
      return list;
    }
  };

  Spray(const Config& config, const Context& context) : config_(config), paths_(context.paths) {
    rigid_ = config.shares == Shares::rigid     ? 1
             : config.shares == Shares::blended ? config.rigid_part
                                                : 0;
  }

  void route(std::span<const Flow> flows, Routes& into) const override {
    std::vector<double> weight;
    for (std::size_t f = 0; f < flows.size(); ++f) {
      const auto& flow = flows[f];
      const auto count = paths_.count(flow.source, flow.target);
      if (count == 0) paths_.no_path(flow.source, flow.target);
      if (count > kMostPaths)
        throw InputError(
            fmt::format("spraying over {} paths flow by flow is too much (at most {}); "
                        "network.fidelity analytic or aggregate do without",
                        count, kMostPaths));
      const auto first = into.pieces.size();
      weight.clear();
      double total = 0;
      for (std::int64_t p = 0; p < count; ++p) {
        Routes::Piece piece{static_cast<int>(f), 0, into.links.size(), 0};
        weight.push_back(paths_.append_path(flow.source, flow.target, p, into.links));
        piece.links = into.links.size() - piece.first_link;
        into.pieces.push_back(piece);
        total += weight.back();
      }
      for (std::size_t p = 0; p < weight.size(); ++p)
        into.pieces[first + p].bytes =
            flow.bytes * (rigid_ / static_cast<double>(count) + (1 - rigid_) * weight[p] / total);
    }
  }

  void load(std::span<const Flow> flows, LinkLoads& loads) const override {
    if (const auto* weight = even_spread()) return paths_.spread(flows, *weight, loads);
    std::vector<Flow> part(flows.begin(), flows.end());
    for (auto& flow : part) flow.bytes *= rigid_;
    paths_.spread(part, PathWeight::even, loads);
    for (std::size_t f = 0; f < part.size(); ++f) part[f].bytes = flows[f].bytes * (1 - rigid_);
    paths_.spread(part, PathWeight::capacity, loads);
  }

  const PathWeight* even_spread() const override {
    static constexpr PathWeight even = PathWeight::even, capacity = PathWeight::capacity;
    return config_.shares == Shares::rigid            ? &even
           : config_.shares == Shares::capacity_aware ? &capacity
                                                      : nullptr;
  }

  double goodput(double oversubscription) const override {
    return goodput_at(config_.goodput, oversubscription);
  }

 private:
  Config config_;
  const PathSets& paths_;
  double rigid_ = 1;
};

const Register<Transport, Spray> spray_registered("spray",
                                                  "packet spraying: every flow over all its paths");

}  // namespace
}  // namespace moesim
