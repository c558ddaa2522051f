// The bound of every balancer: tokens spread evenly over the ranks, weights wherever they are
// needed at no cost. An expert's tokens stay together as far as the even share allows, so no rank
// reads more experts than it must.
#include "sim/placement/balancer.hpp"

namespace moesim {
namespace {

class Oracle final : public Balancer {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };
  Oracle(const Config&, const Context& context) : ranks_(context.ranks) {}

  bool assign(std::int64_t, std::span<const std::int32_t> counts, const LayerPlacement&,
              std::uint64_t, BatchAssignment& out) override {
    std::int64_t all = 0;
    for (const auto n : counts) all += n;
    out.first_slot = {0};
    out.tokens_of_slot.clear();
    std::int64_t given = 0;
    std::int64_t rank = 0;
    for (const auto n : counts)
      for (std::int64_t left = n; left > 0;) {
        const auto room = all * (rank + 1) / ranks_ - given;
        if (room == 0) {
          out.first_slot.push_back(static_cast<std::int32_t>(out.tokens_of_slot.size()));
          ++rank;
          continue;
        }
        const auto part = std::min(left, room);
        out.tokens_of_slot.push_back(static_cast<std::int32_t>(part));
        given += part;
        left -= part;
      }
    while (static_cast<std::int64_t>(out.first_slot.size()) <= ranks_)
      out.first_slot.push_back(static_cast<std::int32_t>(out.tokens_of_slot.size()));
    return true;
  }

 private:
  std::int64_t ranks_;
};

const Register<Balancer, Oracle> oracle_registered(
    "oracle", "perfect balance at no cost: the bound of the others");

}  // namespace
}  // namespace moesim
