// Dispatch or combine of one MoE layer, token by token: every rank draws its tokens' experts from a
// Zipf popularity over shuffled experts (Gumbel top-k), and copies of a
// token go out once per expert (DeepEP low-latency), once per rank, or once per node and then
// inside it (two-level, DeepEP normal). Combine is the same bytes backwards. Not modelled: overlap
// of the two levels.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "sim/core/portable_math.hpp"
#include "sim/core/random.hpp"
#include "sim/transport/collective.hpp"

namespace moesim {
namespace {

enum class Copies { per_expert, per_rank, two_level };
const std::vector<std::string>& names_of(Copies) {
  static const std::vector<std::string> names = {"per-expert", "per-rank", "two-level"};
  return names;
}

class MoeExchange final : public Collective {
 public:
  struct Config {
    std::int64_t tokens = 128;
    std::int64_t experts = 256;
    std::int64_t top_k = 8;
    Bytes bytes_per_token{7168};
    double zipf = 0;
    std::int64_t top_groups = 0;
    Copies copies = Copies::per_rank;
    bool combine = false;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("tokens", &Config::tokens, "tokens of every rank")
              .min(1)
              .max(1 << 20)
              .optional("experts", &Config::experts, "routed experts, contiguous on the ranks")
              .min(1)
              .max(1 << 16)
              .optional("top_k", &Config::top_k, "distinct experts of a token")
              .min(1)
              .optional("bytes_per_token", &Config::bytes_per_token, "of one copy")
              .above(0)
              .optional("zipf", &Config::zipf, "exponent of the experts' popularity; 0: balanced")
              .min(0)
              .optional("top_groups", &Config::top_groups,
                        "a token's experts come from this many of 8 equal groups (DeepSeek-V3: "
                        "4); 0: from anywhere")
              .min(0)
              .max(8)
              .optional("copies", &Config::copies,
                        "per-expert: DeepEP low-latency; per-rank; two-level: once per remote "
                        "node to the rank of equal place, then inside the node (DeepEP normal)")
              .optional("combine", &Config::combine, "back from the experts");
      return list;
    }
    void check(const Node& at) const {
      if (top_k > experts)
        throw InputError(at.where, fmt::format("{} of {} experts", top_k, experts));
    }
  };

  MoeExchange(const Config& config, const Context& context) : config_(config), context_(context) {
    if (config.experts % context.ranks != 0)
      throw InputError(fmt::format("{} experts do not divide evenly over {} ranks", config.experts,
                                   context.ranks));
    if (config.top_groups > 0 && config.experts % kGroups != 0)
      throw InputError(fmt::format("{} experts do not make {} groups", config.experts, kGroups));
    if (config.top_groups > 0 && config.top_k > config.experts / kGroups * config.top_groups)
      throw InputError(
          fmt::format("{} of 8 groups have no {} experts", config.top_groups, config.top_k));
  }

  std::vector<CollectiveStep> steps() const override {
    const auto ranks = static_cast<std::size_t>(context_.ranks);
    std::vector<double> direct(ranks * ranks, 0), inside(ranks * ranks, 0);
    for (std::size_t r = 0; r < ranks; ++r)
      send_tokens(static_cast<std::int64_t>(r), direct, inside);
    std::vector<CollectiveStep> steps;
    for (const auto* matrix : {&direct, &inside}) {
      CollectiveStep step;
      for (std::size_t a = 0; a < ranks; ++a)
        for (std::size_t b = 0; b < ranks; ++b)
          if (a != b && (*matrix)[a * ranks + b] > 0)
            step.flows.push_back({static_cast<int>(config_.combine ? b : a),
                                  static_cast<int>(config_.combine ? a : b),
                                  (*matrix)[a * ranks + b] * config_.bytes_per_token.value});
      // Both levels are pipelined, chunk by chunk: one step, whose busiest link decides.
      if (steps.empty())
        steps.push_back(std::move(step));
      else if (!step.flows.empty()) {
        auto& flows = steps.front().flows;
        flows.insert(flows.end(), step.flows.begin(), step.flows.end());
        steps.front().start_ups = 2;
      }
    }
    if (steps.front().flows.empty()) steps.clear();
    return steps;
  }

 private:
  static constexpr std::int64_t kGroups = 8;

  /// The k experts that win an exponential race at the rates of their popularity, which is Gumbel
  /// top-k on its logarithm (Efraimidis and Spirakis, Information Processing Letters 97, 2006).
  void choose(const RandomStream& random, std::uint64_t token, std::vector<double>& time,
              std::vector<int>& order) const {
    const auto experts = static_cast<std::size_t>(config_.experts);
    time.resize(experts);
    for (std::size_t e = 0; e < experts; e += 2) {
      const auto pair = random.uniforms((token * experts + e) / 2 + token);
      time[e] = -portable_log(pair[0]) / popularity_[e];
      if (e + 1 < experts) time[e + 1] = -portable_log(pair[1]) / popularity_[e + 1];
    }
    order.resize(experts);
    std::iota(order.begin(), order.end(), 0);
    if (config_.top_groups > 0) keep_best_groups(time, order);
    std::partial_sort(order.begin(), order.begin() + config_.top_k, order.end(), [&](int a, int b) {
      const auto x = static_cast<std::size_t>(a), y = static_cast<std::size_t>(b);
      return time[x] != time[y] ? time[x] < time[y] : a < b;
    });
    order.resize(static_cast<std::size_t>(config_.top_k));
  }

  /// Groups by the sum of the scores (-log time) of their two best, as DeepSeek-V3's gate does.
  void keep_best_groups(const std::vector<double>& time, std::vector<int>& order) const {
    const auto size = static_cast<std::size_t>(config_.experts / kGroups);
    std::vector<std::pair<double, std::int64_t>> groups;
    for (std::int64_t g = 0; g < kGroups; ++g) {
      double first = time[static_cast<std::size_t>(g) * size], second = 1e300;
      for (std::size_t e = 1; e < size; ++e) {
        const double t = time[static_cast<std::size_t>(g) * size + e];
        second = std::min(second, std::max(first, t));
        first = std::min(first, t);
      }
      groups.emplace_back(first * (size > 1 ? second : 1), g);
    }
    std::ranges::sort(groups);
    groups.resize(static_cast<std::size_t>(config_.top_groups));
    std::erase_if(order, [&](int e) {
      return std::ranges::none_of(groups, [&](const auto& group) {
        return group.second == e / static_cast<std::int64_t>(size);
      });
    });
  }

  void send_tokens(std::int64_t rank, std::vector<double>& direct,
                   std::vector<double>& inside) const {
    if (popularity_.empty()) draw_popularity();
    const RandomStream random(context_.seed, stream_id("tokens", static_cast<std::uint64_t>(rank)));
    const auto ranks = context_.ranks, local = context_.ranks_per_node;
    const auto at = [&](std::int64_t a, std::int64_t b) {
      return static_cast<std::size_t>(a * ranks + b);
    };
    std::vector<double> score;
    std::vector<int> chosen;
    for (std::int64_t t = 0; t < config_.tokens; ++t) {
      choose(random, static_cast<std::uint64_t>(t), score, chosen);
      std::vector<std::int64_t> targets;
      for (const int e : chosen) targets.push_back(e / (config_.experts / ranks));
      std::ranges::sort(targets);
      if (config_.copies != Copies::per_expert)
        targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
      std::int64_t last_node = -1;
      for (const auto target : targets) {
        const auto node = target / local;
        if (config_.copies != Copies::two_level || node == rank / local) {
          direct[at(rank, target)] += 1;
          continue;
        }
        const auto gate = node * local + rank % local;
        if (node != last_node) direct[at(rank, gate)] += 1;
        last_node = node;
        inside[at(gate, target)] += 1;
      }
    }
  }

  void draw_popularity() const {
    const RandomStream random(context_.seed, stream_id("experts"));
    const auto experts = static_cast<std::size_t>(config_.experts);
    for (std::size_t i = 0; i < experts; ++i)
      popularity_.push_back(portable_exp(-config_.zipf * portable_log(static_cast<double>(i + 1))));
    for (std::size_t i = experts - 1; i > 0; --i)
      std::swap(popularity_[i], popularity_[static_cast<std::size_t>(random.below(i, i + 1))]);
  }

  Config config_;
  Context context_;
  mutable std::vector<double> popularity_;
};

const Register<Collective, MoeExchange> moe_exchange_registered(
    "moe-exchange", "dispatch or combine of an MoE layer, token by token");

}  // namespace
}  // namespace moesim
