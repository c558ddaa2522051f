// Every rank gets every token and adds up what its experts contribute: all-gather before the
// experts, reduce-scatter after. The default of vLLM's data-parallel MoE (all2all backend
// allgather_reducescatter); needs no routing-dependent traffic, and moves experts/top_k times more
// than necessary when experts are many.
#include <numeric>

#include "sim/transport/exchange.hpp"

namespace moesim {
namespace {

class AllGatherReduceScatter final : public Exchange {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };

  AllGatherReduceScatter(const Config&, const Context& context)
      : network_(context.network), group_(context.group) {}

  void dispatch(const ExchangeLoad& load, Transfer& into) const override {
    all_gather(network_, group_, total(load), into);
  }
  void combine(const ExchangeLoad& load, Transfer& into) const override {
    reduce_scatter(network_, group_, total(load), into);
  }

  void flows(Transfer& into) const override { gather_flows(network_, group_, into); }

  bool gathers() const override { return true; }
  std::string_view measured_dispatch() const override { return "all_gather"; }
  std::string_view measured_combine() const override { return "reduce_scatter"; }

 private:
  static double total(const ExchangeLoad& load) {
    return std::accumulate(load.tokens.begin(), load.tokens.end(), 0.0) * load.bytes_per_token;
  }

  const Network& network_;
  const Group& group_;
};

const Register<Exchange, AllGatherReduceScatter> all_gather_reduce_scatter_registered(
    "allgather-reducescatter", "all tokens to all ranks and sums back (vLLM's default)");

}  // namespace
}  // namespace moesim
