// HOBBIT's score (arXiv 2411.01433 section 3.5): recency, frequency, frequency of high-precision
// uses and nearness of the layer, each in [0, 1], weighted; the lowest leaves. Records start again
// with every sequence. The paper fits the weights to the least miss penalty and does not print
// them: the defaults here are equal weights, an assumption.
#include <algorithm>

#include "sim/cache/cache_policy.hpp"

namespace moesim {
namespace {

class FourTerm final : public CachePolicy {
 public:
  struct Config {
    double recency = 0.25, frequency = 0.25, high_precision = 0.25, layer_distance = 0.25;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("recency", &Config::recency, "weight of the last use (w_lru)")
              .min(0)
              .optional("frequency", &Config::frequency, "weight of the number of uses (w_lfu)")
              .min(0)
              .optional("high_precision", &Config::high_precision,
                        "weight of the number of high-precision uses (w_lhu)")
              .min(0)
              .optional("layer_distance", &Config::layer_distance,
                        "weight of the nearness of its layer (w_fld)")
              .min(0);
      return list;
    }
  };

  FourTerm(const Config& config, const Context& context)
      : weight_(config),
        shape_(context.shape),
        records_(static_cast<std::size_t>(context.shape.all())) {}

  void start_sequence() override {
    std::ranges::fill(records_, Record{});
    start_ = -1;
  }

  void used(ExpertId id, std::int64_t visit, bool high_precision) override {
    if (start_ < 0) start_ = visit / shape_.layers;
    auto& record = records_[static_cast<std::size_t>(id)];
    record.last = static_cast<double>(visit / shape_.layers - start_ + 1);
    ++record.uses;
    record.high_uses += high_precision ? 1 : 0;
  }

  std::size_t victim(std::span<const ExpertId> candidates, std::int64_t visit) override {
    const auto begin = start_ < 0 ? visit / shape_.layers : start_;
    const auto tokens = static_cast<double>(visit / shape_.layers - begin + 1);
    const auto layers = static_cast<double>(shape_.layers);
    return lowest(candidates, [&](ExpertId id) {
      const auto& record = records_[static_cast<std::size_t>(id)];
      const auto ahead =
          (shape_.layer_of(id) - visit % shape_.layers + shape_.layers) % shape_.layers;
      return (weight_.recency * record.last + weight_.frequency * record.uses +
              weight_.high_precision * record.high_uses) /
                 tokens +
             weight_.layer_distance * (1 - static_cast<double>(ahead) / layers);
    });
  }

 private:
  struct Record {
    double last = 0, uses = 0, high_uses = 0;
  };
  Config weight_;
  CacheShape shape_;
  std::vector<Record> records_;
  std::int64_t start_ = -1;
};

const Register<CachePolicy, FourTerm> four_term_registered(
    "four-term", "recency, frequency, precision and layer distance (HOBBIT)");

}  // namespace
}  // namespace moesim
