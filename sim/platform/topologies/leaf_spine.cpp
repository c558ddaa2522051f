// Two tiers: nodes hang on leaves, every leaf has one uplink to every spine. Traffic between leaves
// is spread evenly over the spines (packet spraying); other transports choose paths in transport/.
#include <fmt/format.h>

#include <numeric>

#include "sim/platform/topology.hpp"

namespace moesim {
namespace {

class LeafSpine final : public Topology {
 public:
  struct Config {
    std::int64_t nodes_per_leaf = 4;
    std::int64_t spines = 8;
    double oversubscription = 1;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("nodes_per_leaf", &Config::nodes_per_leaf, "nodes on one leaf switch")
              .min(1)
              .optional("spines", &Config::spines,
                        "spine switches; one uplink from every leaf to each")
              .min(1)
              .optional("oversubscription", &Config::oversubscription,
                        "bandwidth of a leaf's nodes / bandwidth of its uplinks")
              .above(0);
      return list;
    }
  };

  LeafSpine(const Config& config, const Context& context) : config_(config), context_(context) {}

  void build(std::vector<Link>& links) override {
    first_ = static_cast<int>(links.size());
    leaves_ =
        static_cast<int>((context_.nodes + config_.nodes_per_leaf - 1) / config_.nodes_per_leaf);
    if (leaves_ < 2) return;
    const double down = static_cast<double>(config_.nodes_per_leaf) * context_.node_bandwidth.value;
    const BytesPerSecond uplink(down / config_.oversubscription /
                                static_cast<double>(config_.spines) * context_.efficiency);
    for (int leaf = 0; leaf < leaves_; ++leaf)
      for (int spine = 0; spine < config_.spines; ++spine) {
        links.push_back({fmt::format("leaf {} to spine {}", leaf, spine), uplink});
        links.push_back({fmt::format("spine {} to leaf {}", spine, leaf), uplink});
      }
  }

  void send(int from, int to, double bytes, LinkLoads& loads) const override {
    const int a = leaf_of(from), b = leaf_of(to);
    if (a == b) return;
    add(a, 0, bytes, loads);
    add(b, 1, bytes, loads);
  }

  void spread(std::span<const double> out, std::span<const double> share,
              LinkLoads& loads) const override {
    if (leaves_ < 2) return;
    std::vector<double> leaf_out(static_cast<std::size_t>(leaves_), 0), leaf_share(leaf_out);
    for (std::size_t n = 0; n < out.size(); ++n) {
      leaf_out[static_cast<std::size_t>(leaf_of(static_cast<int>(n)))] += out[n];
      leaf_share[static_cast<std::size_t>(leaf_of(static_cast<int>(n)))] += share[n];
    }
    const double total_out = std::accumulate(leaf_out.begin(), leaf_out.end(), 0.0);
    const double total_share = std::accumulate(leaf_share.begin(), leaf_share.end(), 0.0);
    for (int leaf = 0; leaf < leaves_; ++leaf) {
      const auto l = static_cast<std::size_t>(leaf);
      add(leaf, 0, leaf_out[l] * (total_share - leaf_share[l]), loads);
      add(leaf, 1, leaf_share[l] * (total_out - leaf_out[l]), loads);
    }
  }

 private:
  int leaf_of(int node) const { return node / static_cast<int>(config_.nodes_per_leaf); }

  void add(int leaf, int down, double bytes, LinkLoads& loads) const {
    const auto spines = static_cast<int>(config_.spines);
    for (int spine = 0; spine < spines; ++spine)
      loads.add(first_ + 2 * (leaf * spines + spine) + down, bytes / spines);
  }

  Config config_;
  Context context_;
  int first_ = 0, leaves_ = 1;
};

const Register<Topology, LeafSpine> registered("leaf-spine",
                                               "two tiers, every leaf linked to every spine");

}  // namespace
}  // namespace moesim
