// Single path with flow splitting ("Challenging the Need for Packet Spraying in Large-Scale
// Distributed Training", arXiv 2407.00550; v2 "Ethereal"). Of the n flows of a group towards the
// same leaf over s paths, n - n mod s go whole, one path after the other; each of the r = n mod s
// left over is cut into s / gcd(r, s) equal parts, again one path after the other. With equal sizes
// every path then carries what even spraying would put on it. Groups are those of the authors'
// code (STyGIANet/astra-sim @44c4215): per source NIC and destination leaf; `leaf` groups by source
// leaf as the theorem does, which needs fewer parts but leaves hosts with different numbers of
// them.
#include <map>
#include <numeric>

#include "sim/platform/transport.hpp"
#include "sim/transport/goodput.hpp"

namespace moesim {
namespace {

enum class Grouping { nic, leaf };
const std::vector<std::string>& names_of(Grouping) {
  static const std::vector<std::string> names = {"nic", "leaf"};
  return names;
}

class FlowSplit final : public Transport {
 public:
  struct Config {
    Grouping group = Grouping::nic;
    std::vector<double> goodput{1};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("group", &Config::group,
                        "flows that are shared out together: of one source NIC, or of one source "
                        "leaf, towards one leaf")
              .optional("goodput", &Config::goodput, kGoodputDoc)
              .above(0)
              .max(1);
      return list;
    }
  };

  FlowSplit(const Config& config, const Context& context)
      : config_(config), paths_(context.paths) {}

  void route(std::span<const Flow> flows, Routes& into) const override {
    std::map<std::pair<int, int>, std::vector<std::size_t>> groups;
    const auto leaf = [&](int endpoint) { return paths_.fabric().ports(endpoint).front().at; };
    for (std::size_t f = 0; f < flows.size(); ++f) {
      const auto& flow = flows[f];
      const int from = config_.group == Grouping::nic ? flow.source : leaf(flow.source);
      groups[{from, leaf(flow.target)}].push_back(f);
    }
    for (const auto& [ends, members] : groups) share_out(flows, members, into);
  }

  double goodput(double oversubscription) const override {
    return goodput_at(config_.goodput, oversubscription);
  }

 private:
  void share_out(std::span<const Flow> flows, const std::vector<std::size_t>& members,
                 Routes& into) const {
    const auto& first = flows[members.front()];
    const auto paths = paths_.count(first.source, first.target);
    if (paths == 0) paths_.no_path(first.source, first.target);
    const auto count = static_cast<std::int64_t>(members.size());
    const auto whole = count - count % paths;
    const auto parts = paths / std::gcd(count - whole, paths);
    std::int64_t next = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto f = members[static_cast<std::size_t>(i)];
      const auto pieces = i < whole ? 1 : parts;
      for (std::int64_t p = 0; p < pieces; ++p)
        into.add(paths_, static_cast<int>(f), flows[f],
                 flows[f].bytes / static_cast<double>(pieces), next++ % paths);
    }
  }

  Config config_;
  const PathSets& paths_;
};

const Register<Transport, FlowSplit> flow_split_registered(
    "flow-split", "whole flows first, the rest cut evenly (as good as spraying for equal flows)");

}  // namespace
}  // namespace moesim
