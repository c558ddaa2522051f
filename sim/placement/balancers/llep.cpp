// LLEP: per layer and batch, tokens of overloaded ranks run on others, which get the weights first
// (llep.hpp). Below the imbalance `lambda` the batch runs as ordinary expert parallelism. The
// decision runs on the host after an all-reduce of the counts; its time is a parameter because the
// paper does not print it (the released code decides in Python).
#include "sim/placement/llep.hpp"

#include <algorithm>
#include <map>

#include "sim/placement/balancer.hpp"

namespace moesim {
namespace {

class Llep final : public Balancer {
 public:
  struct Config {
    double lambda = 1.3, alpha = 1;
    std::int64_t min_tokens = 1024;
    Seconds host_time{0};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("lambda", &Config::lambda,
                        "busiest rank / mean from which on a batch is redistributed (paper: 1.3)")
              .min(1)
              .optional("alpha", &Config::alpha, "cap of a rank / mean load (paper: 1, code: 1.1)")
              .min(1)
              .optional("min_tokens", &Config::min_tokens, "smallest chunk that is spilled")
              .min(1)
              .optional("host_time", &Config::host_time,
                        "assignment of a batch that is redistributed, per layer")
              .min(0);
      return list;
    }
  };

  Llep(const Config& config, const Context& context) : config_(config), context_(context) {}

  bool assign(std::int64_t, std::span<const std::int32_t> counts, const LayerPlacement& placement,
              std::uint64_t, BatchAssignment& out) override {
    const auto home = home_ranks(placement);
    if (rank_imbalance(counts, home, context_.ranks) < config_.lambda) return false;
    out.host = config_.host_time;
    const auto parts =
        llep_assign(counts, home, context_.ranks, {config_.alpha, config_.min_tokens});
    std::vector<std::map<std::int32_t, std::int64_t>> on_rank(
        static_cast<std::size_t>(context_.ranks));
    for (std::size_t e = 0; e < home.size(); ++e)  // an idle expert's slot stays
      on_rank[static_cast<std::size_t>(home[e])][static_cast<std::int32_t>(e)] = 0;
    for (const auto& part : parts) {
      auto& here = on_rank[static_cast<std::size_t>(part.rank)];
      if (!here.contains(part.expert))
        out.copies.push_back({part.expert, home[static_cast<std::size_t>(part.expert)], part.rank});
      here[part.expert] += part.tokens;
    }
    out.first_slot = {0};
    out.tokens_of_slot.clear();
    for (const auto& here : on_rank) {
      for (const auto& [expert, tokens] : here)
        out.tokens_of_slot.push_back(static_cast<std::int32_t>(tokens));
      out.first_slot.push_back(static_cast<std::int32_t>(out.tokens_of_slot.size()));
    }
    return true;
  }

 private:
  Config config_;
  Context context_;
};

const Register<Balancer, Llep> llep_registered(
    "llep", "tokens of overloaded ranks spill to idle ones, batch by batch, with their weights");

}  // namespace
}  // namespace moesim
