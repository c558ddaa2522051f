// Send/recv, broadcast and permutations: what is left of a communication library.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/core/random.hpp"
#include "sim/transport/collective.hpp"

namespace moesim {
namespace {

class SendRecv final : public Collective {
 public:
  struct Config {
    Bytes bytes{1 << 20};
    std::int64_t from = 0, to = 1;
    static const Parameters<Config>& parameters() {
      static const auto list = Parameters<Config>()
                                   .optional("bytes", &Config::bytes, "of the message")
                                   .above(0)
                                   .optional("from", &Config::from, "sending rank of the group")
                                   .min(0)
                                   .optional("to", &Config::to, "receiving rank of the group")
                                   .min(0);
      return list;
    }
  };

  SendRecv(const Config& config, const Context& context) : config_(config) {
    for (const auto rank : {config.from, config.to})
      if (rank >= context.ranks)
        throw InputError(fmt::format("rank {} is outside the group, whose {} ranks are 0 to {}",
                                     rank, context.ranks, context.ranks - 1));
    if (config.from == config.to)
      throw InputError(fmt::format("rank {} sends to itself", config.from));
  }

  std::vector<CollectiveStep> steps() const override {
    CollectiveStep step;
    step.flows = {
        {static_cast<int>(config_.from), static_cast<int>(config_.to), config_.bytes.value}};
    return {step};
  }

 private:
  Config config_;
};

class Broadcast final : public Collective {
 public:
  enum class Shape { chain, tree };
  friend const std::vector<std::string>& names_of(Shape) {
    static const std::vector<std::string> names = {"chain", "tree"};
    return names;
  }
  struct Config {
    Bytes bytes{64.0 * (1 << 20)};
    Shape shape = Shape::chain;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("bytes", &Config::bytes, "that rank 0 gives to all")
              .above(0)
              .optional("shape", &Config::shape,
                        "chain: pipelined through all ranks; tree: binomial, the whole message "
                        "per step");
      return list;
    }
  };

  Broadcast(const Config& config, const Context& context) : config_(config), context_(context) {}

  std::vector<CollectiveStep> steps() const override {
    const auto ranks = static_cast<int>(context_.ranks);
    std::vector<CollectiveStep> steps;
    if (config_.shape == Shape::chain) {
      CollectiveStep step;
      for (int r = 0; r + 1 < ranks; ++r) step.flows.push_back({r, r + 1, config_.bytes.value});
      step.start_ups = ranks - 1;
      if (ranks > 1) steps.push_back(std::move(step));
      return steps;
    }
    for (int have = 1; have < ranks; have *= 2) {
      CollectiveStep step;
      for (int r = 0; r < have && r + have < ranks; ++r)
        step.flows.push_back({r, r + have, config_.bytes.value});
      steps.push_back(std::move(step));
    }
    return steps;
  }

 private:
  Config config_;
  Context context_;
};

class Permutation final : public Collective {
 public:
  struct Config {
    Bytes bytes{1 << 20};
    std::optional<std::int64_t> shift;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("bytes", &Config::bytes, "of every message")
              .above(0)
              .optional("shift", &Config::shift,
                        "rank r sends to r + shift (default: a random permutation in which nobody "
                        "sends inside its node)")
              .min(1);
      return list;
    }
  };

  Permutation(const Config& config, const Context& context) : config_(config), context_(context) {
    if (!config.shift && context.ranks < 2 * context.ranks_per_node)
      throw InputError("a random permutation between nodes needs ranks on at least two nodes");
  }

  std::vector<CollectiveStep> steps() const override {
    const auto ranks = context_.ranks;
    CollectiveStep step;
    const auto target = config_.shift ? std::vector<std::int64_t>{} : drawn();
    for (std::int64_t r = 0; r < ranks; ++r) {
      const auto to =
          config_.shift ? (r + *config_.shift) % ranks : target[static_cast<std::size_t>(r)];
      if (to != r)
        step.flows.push_back({static_cast<int>(r), static_cast<int>(to), config_.bytes.value});
    }
    return {step};
  }

 private:
  /// A shuffle, then exchanges until nobody stays in its node.
  std::vector<std::int64_t> drawn() const {
    const RandomStream random(context_.seed, stream_id("permutation"));
    const auto ranks = static_cast<std::size_t>(context_.ranks);
    std::vector<std::int64_t> target(ranks);
    std::iota(target.begin(), target.end(), 0);
    for (std::size_t i = ranks - 1; i > 0; --i)
      std::swap(target[i], target[static_cast<std::size_t>(random.below(i, i + 1))]);
    const auto stays = [&](std::size_t r, std::int64_t to) {
      return static_cast<std::int64_t>(r) / context_.ranks_per_node == to / context_.ranks_per_node;
    };
    for (std::size_t r = 0; r < ranks; ++r)
      for (std::size_t i = 1; i < ranks && stays(r, target[r]); ++i) {
        const auto other = (r + i) % ranks;
        if (!stays(r, target[other]) && !stays(other, target[r]))
          std::swap(target[r], target[other]);
      }
    return target;
  }

  Config config_;
  Context context_;
};

const Register<Collective, SendRecv> send_recv_registered("send-recv", "one message");
const Register<Collective, Broadcast> broadcast_registered("broadcast",
                                                           "from rank 0 to all others");
const Register<Collective, Permutation> permutation_registered(
    "permutation", "every rank sends one message and receives one");

}  // namespace
}  // namespace moesim
