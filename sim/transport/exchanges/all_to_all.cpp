// One copy of a token per chosen expert, sent straight from its rank to the expert's: what DeepEP's
// low-latency kernels do (bytes tokens x k x hidden x (n-1)/n, measured within 1.4-3.7 % on 2-8
// H100 nodes with the NIC figures of the node profiles). No de-duplication: two experts on one rank
// get two copies.
#include "sim/transport/exchange.hpp"

namespace moesim {
namespace {

class AllToAll final : public Exchange {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };

  AllToAll(const Config&, const Context& context)
      : network_(context.network), group_(context.group) {}

  void dispatch(const ExchangeLoad& load, Transfer& into) const override {
    move(load, false, into);
  }
  void combine(const ExchangeLoad& load, Transfer& into) const override { move(load, true, into); }

  void flows(Transfer& into) const override {
    const std::vector<double> one(static_cast<std::size_t>(group_.size()), 1);
    if (group_.size() > 1) product_traffic(network_, group_, one, one, false, into);
  }

  std::string_view measured_dispatch() const override { return "low-latency dispatch"; }
  std::string_view measured_combine() const override { return "low-latency combine"; }

 private:
  void move(const ExchangeLoad& load, bool reversed, Transfer& into) const {
    double tokens = 0, pairs = 0;
    for (const double n : load.tokens) tokens += n;
    for (const double n : load.received) pairs += n;
    if (group_.size() < 2 || tokens <= 0 || pairs <= 0) return;
    std::vector<double> sent, share;
    for (const double n : load.tokens) sent.push_back(n * (pairs / tokens) * load.bytes_per_token);
    for (const double n : load.received) share.push_back(n / pairs);
    const auto& node = network_.node();
    into.latency += group_.nodes() > 1 ? node.nic_latency : node.island_latency;
    product_traffic(network_, group_, sent, share, reversed, into);
  }

  const Network& network_;
  const Group& group_;
};

const Register<Exchange, AllToAll> all_to_all_registered(
    "all-to-all", "one copy per chosen expert, straight to its rank (DeepEP low-latency)");

}  // namespace
}  // namespace moesim
