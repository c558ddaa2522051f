// All-reduce, reduce-scatter and all-gather: one buffer, four algorithms.
#include "sim/transport/collective.hpp"

namespace moesim {
namespace {

struct GatherConfig {
  Bytes bytes{64.0 * (1 << 20)};
  Algorithm algorithm = Algorithm::ring;
  RingOrder order = RingOrder::rank;
  static const Parameters<GatherConfig>& parameters() {
    static const auto list =
        Parameters<GatherConfig>()
            .optional("bytes", &GatherConfig::bytes,
                      "the full buffer: reduced on every rank, or put together from all of them")
            .above(0)
            .optional("algorithm", &GatherConfig::algorithm,
                      "ring; tree: two binary trees, pipelined; recursive-doubling: halving and "
                      "doubling, for powers of two; hierarchical: rings inside nodes and between")
            .optional("order", &GatherConfig::order,
                      "of the ring; bandwidth-aware: the cycle of the fastest links (PCCL)");
    return list;
  }
};

template <bool kReduce, bool kGather>
class Gather final : public Collective {
 public:
  using Config = GatherConfig;
  Gather(const Config& config, const Context& context) : config_(config), context_(context) {}
  std::vector<CollectiveStep> steps() const override {
    return gather_steps(config_.algorithm, kReduce, kGather, config_.bytes.value,
                        ring_order(config_.order, context_), context_);
  }

 private:
  Config config_;
  Context context_;
};

const Register<Collective, Gather<true, true>> all_reduce_registered(
    "all-reduce", "every rank gets the sum of all buffers");
const Register<Collective, Gather<true, false>> reduce_scatter_registered(
    "reduce-scatter", "every rank gets its share of the sum");
const Register<Collective, Gather<false, true>> all_gather_registered(
    "all-gather", "every rank gets the shares of all");

}  // namespace
}  // namespace moesim
