// Two levels: a token crosses the fabric once per remote node that holds any of its experts, then
// is copied inside the node to every rank that needs it, once per rank (DeepEP's normal kernels).
// Combine adds up inside the node first and goes back the same way. Source: DeepEP
// (github.com/deepseek-ai/DeepEP) and its published normal-mode figures.
#include <numeric>

#include "sim/transport/exchange.hpp"

namespace moesim {
namespace {

class NodeDedup final : public Exchange {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };

  NodeDedup(const Config&, const Context& context)
      : network_(context.network),
        group_(context.group),
        node_of_(node_index(context.network, context.group)) {
    std::vector<int> seen(static_cast<std::size_t>(group_.nodes()), 0);
    for (const int n : node_of_) local_.push_back(seen[static_cast<std::size_t>(n)]++);
    for (const int members : seen) equal_nodes_ = equal_nodes_ && members == seen.front();
  }

  void dispatch(const ExchangeLoad& load, Transfer& into) const override {
    move(load, false, into);
  }
  void combine(const ExchangeLoad& load, Transfer& into) const override { move(load, true, into); }

  // A rank has one flow to every remote node and to every other rank of its own.
  void flows(Transfer& into) const override {
    const auto ranks = node_of_.size();
    const std::vector<double> tokens(ranks, 1);
    const std::vector<double> nodes(static_cast<std::size_t>(group_.nodes()), 1);
    std::vector<double> wanted;
    for (std::size_t i = 0; i < ranks; ++i)
      wanted.push_back(group_.peers(static_cast<int>(i)) / static_cast<double>(ranks));
    move({tokens, {}, wanted, nodes, 1}, false, into);
  }

  std::string_view measured_dispatch() const override { return "dispatch"; }
  std::string_view measured_combine() const override { return "combine"; }

 private:
  void move(const ExchangeLoad& load, bool reversed, Transfer& into) const {
    const double tokens = std::accumulate(load.tokens.begin(), load.tokens.end(), 0.0);
    if (group_.size() < 2 || tokens <= 0) return;
    const auto& node = network_.node();
    into.latency += group_.nodes() > 1 ? node.nic_latency : node.island_latency;
    if (group_.nodes() > 1) between(load, reversed, into);
    inside(load, tokens, reversed, into);
  }

  // Once per (token, remote node). Arrivals at a node are spread over its ranks; where the NICs of
  // a node hang on different switches, the sender's counterpart receives, so that traffic stays on
  // its rail as DeepEP's does.
  void between(const ExchangeLoad& load, bool reversed, Transfer& into) const {
    const auto& probability = load.node_probability;
    const double all = std::accumulate(probability.begin(), probability.end(), 0.0);
    const int rails = network_.nodes_span_switches() && equal_nodes_ ? group_.peers(0) : 1;
    for (int rail = 0; rail < rails; ++rail) {
      std::vector<double> out(static_cast<std::size_t>(network_.gpus()), 0), share(out);
      for (std::size_t i = 0; i < node_of_.size(); ++i) {
        if (rails > 1 && local_[i] != rail) continue;
        const auto gpu = static_cast<std::size_t>(group_.gpus()[i]);
        const double members = group_.peers(static_cast<int>(i));
        out[gpu] = load.tokens[i] * load.bytes_per_token;
        share[gpu] = rails > 1 ? probability[at(i)] : probability[at(i)] / members;
        into.payload_bytes += out[gpu] * (all - probability[at(i)]);
      }
      if (reversed) out.swap(share);
      network_.send_product(out, share, into.loads, into.flow_list());
    }
  }

  // Once per (token, rank), from whichever rank of the node the token came in on.
  void inside(const ExchangeLoad& load, double tokens, bool reversed, Transfer& into) const {
    std::vector<double> from_each(node_of_.size(), 0);  // of its node
    std::vector<double> by_node(load.node_probability.size(), 0);
    for (std::size_t i = 0; i < node_of_.size(); ++i) {
      from_each[i] = tokens * load.rank_probability[i] * load.bytes_per_token /
                     group_.peers(static_cast<int>(i));
      by_node[at(i)] += from_each[i];
    }
    for (std::size_t i = 0; i < node_of_.size(); ++i) {
      const int gpu = group_.gpus()[i];
      const double wanted = from_each[i] * (group_.peers(static_cast<int>(i)) - 1);
      const double forwarded = by_node[at(i)] - from_each[i];
      network_.island_out(gpu, reversed ? wanted : forwarded, into.loads);
      network_.island_in(gpu, reversed ? forwarded : wanted, into.loads);
      into.payload_bytes += wanted;
      for (std::size_t j = 0; into.listed && j < node_of_.size(); ++j)
        if (at(j) == at(i))
          into.list.add_inside(reversed ? gpu : group_.gpus()[j], reversed ? group_.gpus()[j] : gpu,
                               from_each[i]);
    }
  }

  std::size_t at(std::size_t rank) const { return static_cast<std::size_t>(node_of_[rank]); }

  const Network& network_;
  const Group& group_;
  std::vector<int> node_of_, local_;  ///< [ranks] node, and place within it
  bool equal_nodes_ = true;
};

const Register<Exchange, NodeDedup> node_dedup_registered(
    "node-dedup", "one copy per remote node, then one per rank inside it (DeepEP normal)");

}  // namespace
}  // namespace moesim
