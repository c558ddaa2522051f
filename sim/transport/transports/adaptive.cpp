// Least-loaded adaptive routing of whole flows: flows come in order, and at every switch a flow
// takes the link towards its target that has the fewest seconds of bytes on it so far. What lies
// further down the path is not known there, as in a real switch.
#include "sim/platform/transport.hpp"
#include "sim/transport/goodput.hpp"

namespace moesim {
namespace {

class Adaptive final : public Transport {
 public:
  struct Config {
    std::vector<double> goodput{1};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>().optional("goodput", &Config::goodput, kGoodputDoc).above(0).max(1);
      return list;
    }
  };

  Adaptive(const Config& config, const Context& context) : config_(config), paths_(context.paths) {}

  void route(std::span<const Flow> flows, Routes& into) const override {
    route_beside(flows, LinkLoads(paths_.fabric().links().size()), into);
  }

  void route_beside(std::span<const Flow> flows, const LinkLoads& under_way,
                    Routes& into) const override {
    LinkLoads so_far = under_way;
    for (std::size_t f = 0; f < flows.size(); ++f) {
      const auto& flow = flows[f];
      if (paths_.count(flow.source, flow.target) == 0) paths_.no_path(flow.source, flow.target);
      Routes::Piece piece{static_cast<int>(f), flow.bytes, into.links.size(), 0};
      walk(flow, so_far, into.links);
      piece.links = into.links.size() - piece.first_link;
      into.pieces.push_back(piece);
      for (const int link : into.path(piece)) so_far.add(link, flow.bytes);
    }
  }

  double goodput(double oversubscription) const override {
    return goodput_at(config_.goodput, oversubscription);
  }

 private:
  double queue(int link, const LinkLoads& loads) const {
    return loads.bytes(link) /
           paths_.fabric().links()[static_cast<std::size_t>(link)].capacity.value;
  }

  void walk(const Flow& flow, const LinkLoads& loads, std::vector<int>& links) const {
    const auto& fabric = paths_.fabric();
    const Port *source = nullptr, *target = nullptr;
    for (const auto& s : fabric.ports(flow.source))
      for (const auto& t : fabric.ports(flow.target)) {
        if (!fabric.up(s.out) || !fabric.up(t.in)) continue;
        const auto distance = [&](const Port& from, const Port& to) {
          return paths_.towards(to.at).distance[static_cast<std::size_t>(from.at)];
        };
        const int here = distance(s, t);
        if (here < 0) continue;
        if (source != nullptr) {
          const int best = distance(*source, *target);
          const double now = queue(source->out, loads) + queue(target->in, loads);
          if (here > best || (here == best && queue(s.out, loads) + queue(t.in, loads) >= now))
            continue;
        }
        source = &s, target = &t;
      }
    links.push_back(source->out);
    const auto& tree = paths_.towards(target->at);
    for (auto at = static_cast<std::size_t>(source->at); tree.distance[at] > 0;) {
      const auto* best = &tree.hops[static_cast<std::size_t>(tree.first[at])];
      for (int i = tree.first[at] + 1; i < tree.first[at + 1]; ++i) {
        const auto& hop = tree.hops[static_cast<std::size_t>(i)];
        if (queue(hop.link, loads) < queue(best->link, loads)) best = &hop;
      }
      links.push_back(best->link);
      at = static_cast<std::size_t>(best->to);
    }
    links.push_back(target->in);
  }

  Config config_;
  const PathSets& paths_;
};

const Register<Transport, Adaptive> adaptive_registered(
    "adaptive", "every flow whole, over the least loaded link of every switch");

}  // namespace
}  // namespace moesim
