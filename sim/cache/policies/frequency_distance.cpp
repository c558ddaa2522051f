// EdgeMoE (arXiv 2308.14352 section 3.3): frequency over the distance to the expert's layer; rarely
// used and far in the future leaves first. The paper prints the distance as (S - i + I) mod S for
// an expert of layer i while layer I runs, which grows as the layer comes nearer; its words ask for
// the distance ahead, (S + i - I) mod S, which is what this computes (S for the layer that runs).
#include "sim/cache/cache_policy.hpp"

namespace moesim {
namespace {

class FrequencyDistance final : public CachePolicy {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };

  FrequencyDistance(const Config&, const Context& context)
      : shape_(context.shape), records_(static_cast<std::size_t>(context.shape.all())) {}

  void used(ExpertId id, std::int64_t visit, bool) override {
    auto& record = records_[static_cast<std::size_t>(id)];
    ++record.uses;
    record.last = visit;
  }

  std::size_t victim(std::span<const ExpertId> candidates, std::int64_t visit) override {
    const auto now = visit % shape_.layers;
    return lowest(candidates, [&](ExpertId id) {
      const auto& record = records_[static_cast<std::size_t>(id)];
      auto ahead = (shape_.layers + shape_.layer_of(id) - now) % shape_.layers;
      if (ahead == 0) ahead = shape_.layers;
      return std::pair(static_cast<double>(record.uses) / static_cast<double>(ahead), record.last);
    });
  }

 private:
  struct Record {
    std::int64_t uses = 0, last = -1;
  };
  CacheShape shape_;
  std::vector<Record> records_;
};

const Register<CachePolicy, FrequencyDistance> frequency_distance_registered(
    "frequency-distance", "rarely used and far ahead leaves (EdgeMoE)");

}  // namespace
}  // namespace moesim
