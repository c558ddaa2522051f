// Least frequently used; of equals, the least recently used. What is counted decides: uses in the
// current sequence (HOBBIT's sequence level, arXiv 2411.01433 section 3.5), in the whole run, or
// since the expert was last loaded (the textbook cache that forgets what it evicts).
#include <algorithm>

#include "sim/cache/cache_policy.hpp"

namespace moesim {

enum class Counted { sequence, run, residence };

const std::vector<std::string>& names_of(Counted) {
  static const std::vector<std::string> names = {"sequence", "run", "residence"};
  return names;
}

namespace {

class Lfu final : public CachePolicy {
 public:
  struct Config {
    Counted counted = Counted::sequence;
    static const Parameters<Config>& parameters() {
      static const auto list = Parameters<Config>().optional(
          "counted", &Config::counted, "uses in this sequence, in the run, or since it was loaded");
      return list;
    }
  };

  Lfu(const Config& config, const Context& context)
      : counted_(config.counted), records_(static_cast<std::size_t>(context.shape.all())) {}

  void start_sequence() override {
    if (counted_ == Counted::sequence)
      for (auto& record : records_) record.uses = 0;
  }

  void used(ExpertId id, std::int64_t visit, bool) override {
    auto& record = records_[static_cast<std::size_t>(id)];
    ++record.uses;
    record.last = visit;
  }

  std::size_t victim(std::span<const ExpertId> candidates, std::int64_t) override {
    const auto picked = lowest(candidates, [&](ExpertId id) {
      const auto& record = records_[static_cast<std::size_t>(id)];
      return std::pair(record.uses, record.last);
    });
    if (counted_ == Counted::residence)
      records_[static_cast<std::size_t>(candidates[picked])].uses = 0;
    return picked;
  }

 private:
  struct Record {
    std::int64_t uses = 0, last = -1;
  };
  Counted counted_;
  std::vector<Record> records_;
};

const Register<CachePolicy, Lfu> lfu_registered("lfu", "the least frequently used leaves");

}  // namespace
}  // namespace moesim
