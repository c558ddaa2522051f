// Hashed ECMP: a flow is cut into as many equal parts as it has queue pairs, and each part takes
// the path that a hash of (source, target, queue pair) names. One queue pair is the single path of
// RoCE; k of them are what "MP-RDMA-k" means in arXiv 2407.00550.
#include "sim/core/random.hpp"
#include "sim/platform/transport.hpp"
#include "sim/transport/goodput.hpp"

namespace moesim {
namespace {

class Ecmp final : public Transport {
 public:
  struct Config {
    std::int64_t queue_pairs = 1;
    std::vector<double> goodput{1};
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("queue_pairs", &Config::queue_pairs,
                        "equal parts of a flow, each hashed to a path of its own")
              .min(1)
              .max(1024)
              .optional("goodput", &Config::goodput, kGoodputDoc)
              .above(0)
              .max(1);
      return list;
    }
  };

  Ecmp(const Config& config, const Context& context)
      : config_(config), paths_(context.paths), hash_(context.seed, stream_id("ecmp")) {}

  void route(std::span<const Flow> flows, Routes& into) const override {
    const auto pairs = static_cast<std::uint64_t>(config_.queue_pairs);
    const auto endpoints = static_cast<std::uint64_t>(paths_.fabric().endpoints());
    for (std::size_t f = 0; f < flows.size(); ++f) {
      const auto& flow = flows[f];
      const auto count = paths_.count(flow.source, flow.target);
      if (count == 0) paths_.no_path(flow.source, flow.target);
      const auto tuple = static_cast<std::uint64_t>(flow.source) * endpoints +
                         static_cast<std::uint64_t>(flow.target);
      for (std::uint64_t q = 0; q < pairs; ++q)
        into.add(paths_, static_cast<int>(f), flow, flow.bytes / static_cast<double>(pairs),
                 static_cast<std::int64_t>(
                     hash_.below(tuple * pairs + q, static_cast<std::uint64_t>(count))));
    }
  }

  double goodput(double oversubscription) const override {
    return goodput_at(config_.goodput, oversubscription);
  }

 private:
  Config config_;
  const PathSets& paths_;
  RandomStream hash_;
};

const Register<Transport, Ecmp> ecmp_registered(
    "ecmp", "hashed paths, one or several queue pairs per flow");

}  // namespace
}  // namespace moesim
