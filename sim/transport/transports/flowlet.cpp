// Flowlets: a flow may change its hashed path at an idle gap. The bursts of a collective have none
// (packet-level flowlet switching of permutations is no better than ECMP: reference runs, 1.5-4.1
// times the even-spray bound), so the default is a single path; `gaps` says how many idle gaps
// longer than the path delay a flow has.
#include "sim/core/random.hpp"
#include "sim/platform/transport.hpp"
#include "sim/transport/goodput.hpp"

namespace moesim {
namespace {

class Flowlet final : public Transport {
 public:
  struct Config {
    std::int64_t gaps = 0;
    std::vector<double> goodput{1};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("gaps", &Config::gaps,
                        "idle gaps of a flow, evenly spaced; after each it takes the less loaded "
                        "of two hashed paths")
              .min(0)
              .max(1024)
              .optional("goodput", &Config::goodput, kGoodputDoc)
              .above(0)
              .max(1);
      return list;
    }
  };

  Flowlet(const Config& config, const Context& context)
      : config_(config), paths_(context.paths), hash_(context.seed, stream_id("flowlet")) {}

  void route(std::span<const Flow> flows, Routes& into) const override {
    route_beside(flows, LinkLoads(paths_.fabric().links().size()), into);
  }

  void route_beside(std::span<const Flow> flows, const LinkLoads& under_way,
                    Routes& into) const override {
    LinkLoads so_far = under_way;
    const auto flowlets = static_cast<std::uint64_t>(config_.gaps + 1);
    const auto endpoints = static_cast<std::uint64_t>(paths_.fabric().endpoints());
    for (std::uint64_t g = 0; g < flowlets; ++g)
      for (std::size_t f = 0; f < flows.size(); ++f) {
        const auto& flow = flows[f];
        const auto count = static_cast<std::uint64_t>(paths_.count(flow.source, flow.target));
        if (count == 0) paths_.no_path(flow.source, flow.target);
        const auto draw = ((static_cast<std::uint64_t>(flow.source) * endpoints +
                            static_cast<std::uint64_t>(flow.target)) *
                               flowlets +
                           g) *
                          2;
        auto path = static_cast<std::int64_t>(hash_.below(draw, count));
        if (g > 0) {
          const auto other = static_cast<std::int64_t>(hash_.below(draw + 1, count));
          if (busiest(flow, other, so_far) < busiest(flow, path, so_far)) path = other;
        }
        const double bytes = flow.bytes / static_cast<double>(flowlets);
        into.add(paths_, static_cast<int>(f), flow, bytes, path);
        for (const int link : into.path(into.pieces.back())) so_far.add(link, bytes);
      }
  }

  double goodput(double oversubscription) const override {
    return goodput_at(config_.goodput, oversubscription);
  }

 private:
  double busiest(const Flow& flow, std::int64_t path, const LinkLoads& loads) const {
    std::vector<int> links;
    paths_.append_path(flow.source, flow.target, path, links);
    double most = 0;
    for (const int link : links)
      most = std::max(most,
                      loads.bytes(link) /
                          paths_.fabric().links()[static_cast<std::size_t>(link)].capacity.value);
    return most;
  }

  Config config_;
  const PathSets& paths_;
  RandomStream hash_;
};

const Register<Transport, Flowlet> flowlet_registered(
    "flowlet", "hashed paths that change at the idle gaps of a flow");

}  // namespace
}  // namespace moesim
