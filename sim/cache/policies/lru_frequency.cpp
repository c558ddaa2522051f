// LRFU (Lee et al., "LRFU: a spectrum of policies that subsumes LRU and LFU", IEEE Trans. Computers
// 50(12), 2001): every past use counts 2^(-age / half_life); the lowest sum leaves. Age is counted
// in steps (tokens or batches). A short half-life is LRU, a long one LFU.
#include "sim/cache/cache_policy.hpp"
#include "sim/core/portable_math.hpp"

namespace moesim {
namespace {

class LruFrequency final : public CachePolicy {
 public:
  struct Config {
    double half_life = 16;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("half_life", &Config::half_life, "steps after which a use counts half")
              .above(0);
      return list;
    }
  };

  LruFrequency(const Config& config, const Context& context)
      : rate_(0.6931471805599453 / (config.half_life * static_cast<double>(context.shape.layers))),
        records_(static_cast<std::size_t>(context.shape.all())) {}

  void used(ExpertId id, std::int64_t visit, bool) override {
    auto& record = records_[static_cast<std::size_t>(id)];
    record.sum = 1 + decayed(record, visit);
    record.last = visit;
    // The order of decayed sums never changes between uses, so the logarithm of the sum at visit 0
    // can be kept: no exponential per candidate.
    record.rank = portable_log(record.sum) + rate_ * static_cast<double>(visit);
  }

  std::size_t victim(std::span<const ExpertId> candidates, std::int64_t) override {
    return lowest(candidates,
                  [&](ExpertId id) { return records_[static_cast<std::size_t>(id)].rank; });
  }

 private:
  struct Record {
    double sum = 0, rank = -1;
    std::int64_t last = 0;
  };
  double decayed(const Record& record, std::int64_t visit) const {
    return record.sum * portable_exp(-rate_ * static_cast<double>(visit - record.last));
  }
  double rate_;
  std::vector<Record> records_;
};

const Register<CachePolicy, LruFrequency> lru_frequency_registered(
    "lru-frequency", "recency and frequency in one decaying count (LRFU)");

}  // namespace
}  // namespace moesim
