// Expert duplication by prediction (MoE-GPS, arXiv 2506.07366, algorithm 1): while ranks differ,
// the most popular expert of the busiest rank is copied to the idlest and takes half the
// difference. `distribution` plans with the shares of the batches so far, at no cost; `token`
// predicts every token's expert before attention with the given accuracy: correctly predicted
// tokens are where they must be and are not dispatched, and predicting takes overhead x
// exp(steepness x accuracy), the curve that the paper draws and does not tabulate. The memory for
// copies is there in every layer, so a copy stays until another expert takes its slot and only what
// a rank does not hold yet travels.
#include <algorithm>
#include <numeric>

#include "sim/core/portable_math.hpp"
#include "sim/placement/balancer.hpp"

namespace moesim {
namespace {

enum class Strategy { distribution, token };
const std::vector<std::string>& names_of(Strategy) {
  static const std::vector<std::string> names = {"distribution", "token"};
  return names;
}

class MoeGps final : public Balancer {
 public:
  struct Config {
    Strategy strategy = Strategy::distribution;
    double accuracy = 0.8, steepness = 5;
    Seconds overhead{0};
    std::int64_t max_copies = 2;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("strategy", &Config::strategy,
                        "distribution: shares of earlier batches; token: every token's expert")
              .optional("accuracy", &Config::accuracy, "share of tokens predicted correctly")
              .min(0)
              .max(1)
              .optional("overhead", &Config::overhead, "of the token predictor at accuracy 0")
              .min(0)
              .optional("steepness", &Config::steepness, "growth of the overhead with accuracy")
              .min(0)
              .max(50)
              .optional("max_copies", &Config::max_copies, "copies that a rank has memory for")
              .min(0)
              .max(1024);
      return list;
    }
  };

  MoeGps(const Config& config, const Context& context)
      : config_(config),
        context_(context),
        seen_(static_cast<std::size_t>(context.moe_layers),
              std::vector<double>(static_cast<std::size_t>(context.experts), 0)),
        held_(static_cast<std::size_t>(context.moe_layers),
              std::vector<Copies>(static_cast<std::size_t>(context.ranks))) {}

  std::int64_t copy_slots() const override { return config_.max_copies; }

  void observe(std::int64_t layer, std::span<const std::int32_t> counts) override {
    current_ = layer;
    auto& seen = seen_[static_cast<std::size_t>(layer)];
    before_ = seen;
    for (std::size_t e = 0; e < counts.size(); ++e) seen[e] += counts[e];
  }

  bool assign(std::int64_t layer, std::span<const std::int32_t> counts,
              const LayerPlacement& placement, std::uint64_t, BatchAssignment& out) override {
    const bool token = config_.strategy == Strategy::token;
    if (token) {
      out.host = config_.overhead * portable_exp(config_.steepness * config_.accuracy);
      out.travelling = 1 - config_.accuracy;
    }
    const auto expected = predicted(layer, counts);
    if (expected.empty()) return false;
    std::vector<ExpertMove> wanted;
    const auto shares = plan(expected, home_ranks(placement), wanted);
    out.copies = not_held(held_[static_cast<std::size_t>(layer)], wanted);
    out.copies_under_attention = true;
    out.first_slot = {0};
    out.tokens_of_slot.clear();
    std::vector<std::int64_t> left(counts.begin(), counts.end());
    std::vector<double> share_left(counts.size(), 1);
    for (std::size_t r = 0; r < shares.size(); ++r) {
      for (std::size_t e = 0; e < counts.size(); ++e) {
        const double share = shares[r][e];
        if (share < 0) continue;  // not held here
        const double part = share_left[e] > 1e-12 ? std::min(1.0, share / share_left[e]) : 1;
        const auto tokens = static_cast<std::int64_t>(static_cast<double>(left[e]) * part + 0.5);
        out.tokens_of_slot.push_back(static_cast<std::int32_t>(tokens));
        left[e] -= tokens;
        share_left[e] -= share;
      }
      out.first_slot.push_back(static_cast<std::int32_t>(out.tokens_of_slot.size()));
    }
    return true;
  }

 private:
  using Copies = std::vector<std::int32_t>;  ///< of one rank, the ones used last first

  /// What of `wanted` the ranks do not hold; afterwards they do.
  std::vector<ExpertMove> not_held(std::vector<Copies>& held,
                                   std::span<const ExpertMove> wanted) const {
    std::vector<ExpertMove> missing;
    for (const auto& move : wanted) {
      auto& here = held[static_cast<std::size_t>(move.to)];
      const auto found = std::ranges::find(here, move.expert);
      if (found == here.end())
        missing.push_back(move);
      else
        here.erase(found);
      here.insert(here.begin(), move.expert);
    }
    for (auto& here : held)
      here.resize(std::min(here.size(), static_cast<std::size_t>(config_.max_copies)));
    return missing;
  }

  /// Tokens per expert as predicted; empty: nothing is known yet.
  std::vector<double> predicted(std::int64_t layer, std::span<const std::int32_t> counts) const {
    const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
    std::vector<double> expected;
    if (config_.strategy == Strategy::token) {
      for (const auto n : counts)
        expected.push_back(config_.accuracy * n +
                           (1 - config_.accuracy) * all / static_cast<double>(counts.size()));
      return expected;
    }
    const auto& history = current_ == layer ? before_ : seen_[static_cast<std::size_t>(layer)];
    const double sum = std::accumulate(history.begin(), history.end(), 0.0);
    if (sum <= 0) return {};
    for (const double n : history) expected.push_back(n / sum * all);
    return expected;
  }

  /// Share of every expert's tokens on every rank, [ranks][experts]; -1: not held.
  std::vector<std::vector<double>> plan(const std::vector<double>& expected,
                                        const std::vector<std::int32_t>& home,
                                        std::vector<ExpertMove>& copies) const {
    const auto ranks = static_cast<std::size_t>(context_.ranks);
    std::vector<std::vector<double>> tokens(ranks, std::vector<double>(expected.size(), -1));
    std::vector<double> load(ranks, 0);
    std::vector<std::int64_t> copied(ranks, 0);
    for (std::size_t e = 0; e < expected.size(); ++e) {
      tokens[static_cast<std::size_t>(home[e])][e] = expected[e];
      load[static_cast<std::size_t>(home[e])] += expected[e];
    }
    for (std::size_t round = 0; round < 4 * ranks; ++round) {
      const auto hot = static_cast<std::size_t>(std::ranges::max_element(load) - load.begin());
      const auto cold = static_cast<std::size_t>(std::ranges::min_element(load) - load.begin());
      if (load[hot] - load[cold] <= 1) break;
      const auto e =
          static_cast<std::size_t>(std::ranges::max_element(tokens[hot]) - tokens[hot].begin());
      if (tokens[cold][e] < 0) {
        if (copied[cold] >= config_.max_copies) break;
        ++copied[cold];
        tokens[cold][e] = 0;
        copies.push_back({static_cast<std::int32_t>(e), home[e], static_cast<std::int32_t>(cold)});
      }
      const double moved = std::min((load[hot] - load[cold]) / 2, tokens[hot][e]);
      tokens[hot][e] -= moved;
      tokens[cold][e] += moved;
      load[hot] -= moved;
      load[cold] += moved;
    }
    for (auto& rank : tokens)
      for (std::size_t e = 0; e < rank.size(); ++e)
        if (rank[e] >= 0) rank[e] = expected[e] > 0 ? rank[e] / expected[e] : 0;
    // An expert that nobody expected stays whole at home.
    for (std::size_t e = 0; e < expected.size(); ++e)
      if (expected[e] <= 0) tokens[static_cast<std::size_t>(home[e])][e] = 1;
    return tokens;
  }

  Config config_;
  Context context_;
  std::vector<std::vector<double>> seen_;  ///< [layer][expert] tokens so far
  std::vector<std::vector<Copies>> held_;  ///< [layer][rank]
  std::vector<double> before_;             ///< of layer `current_`, without its last batch
  std::int64_t current_ = -1;
};

const Register<Balancer, MoeGps> moe_gps_registered(
    "moe-gps", "experts duplicated by predicted distribution or predicted tokens (MoE-GPS)");

}  // namespace
}  // namespace moesim
