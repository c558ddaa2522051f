#include "sim/placement/llep.hpp"

#include <algorithm>
#include <numeric>

namespace moesim {
namespace {

class Assigner {
 public:
  Assigner(std::span<const std::int32_t> load, std::span<const std::int32_t> home,
           std::int64_t ranks, const LlepRule& rule)
      : rule_(rule),
        pending_(static_cast<std::size_t>(ranks), 0),
        assigned_(static_cast<std::size_t>(ranks), 0) {
    std::int64_t all = 0;
    for (std::size_t e = 0; e < load.size(); ++e) {
      pending_[static_cast<std::size_t>(home[e])] += load[e];
      all += load[e];
    }
    cap_ = static_cast<std::int64_t>(rule.alpha * static_cast<double>(all) /
                                     static_cast<double>(ranks));
  }

  void place(std::int32_t expert, std::int32_t home, std::int64_t tokens) {
    const auto own = static_cast<std::size_t>(home);
    pending_[own] -= tokens;
    const auto free = cap_ - assigned_[own] - pending_[own];
    if (free >= tokens) return give(expert, own, tokens);
    if (free > 0) {
      give(expert, own, free);
      return spill(expert, own, tokens - free, true);
    }
    spill(expert, own, tokens, false);
  }

  std::vector<LlepPart> parts;

 private:
  std::int64_t load(std::size_t rank) const { return assigned_[rank] + pending_[rank]; }

  void give(std::int32_t expert, std::size_t rank, std::int64_t tokens) {
    assigned_[rank] += tokens;
    parts.push_back({expert, static_cast<std::int32_t>(rank), tokens});
  }

  std::vector<std::size_t> by_load(std::size_t without) const {
    std::vector<std::size_t> others;
    for (std::size_t r = 0; r < assigned_.size(); ++r)
      if (r != without) others.push_back(r);
    std::ranges::stable_sort(others, {}, [&](std::size_t r) { return load(r); });
    return others;
  }

  /// The code sorts the ranks again after every chunk when the owner took a part, once otherwise.
  void spill(std::int32_t expert, std::size_t own, std::int64_t rest, bool sort_again) {
    auto others = by_load(own);
    if (others.empty()) return give(expert, own, rest);
    for (bool placed = true; placed && rest > 0;) {
      placed = false;
      for (const auto rank : others) {
        const auto chunk = std::min(rest, cap_ - load(rank));
        if (chunk <= 0 || (chunk < rule_.min_tokens && rest > chunk)) continue;
        give(expert, rank, chunk);
        rest -= chunk;
        placed = true;
        if (rest == 0 || sort_again) break;
      }
      if (sort_again) others = by_load(own);
      if (!sort_again) break;
    }
    if (rest > 0) give(expert, by_load(own).front(), rest);
  }

  LlepRule rule_;
  std::int64_t cap_ = 0;
  std::vector<std::int64_t> pending_, assigned_;
};

}  // namespace

std::vector<LlepPart> llep_assign(std::span<const std::int32_t> load,
                                  std::span<const std::int32_t> home, std::int64_t ranks,
                                  const LlepRule& rule) {
  Assigner assigner(load, home, ranks, rule);
  std::vector<std::size_t> order(load.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater{}, [&](std::size_t e) { return load[e]; });
  for (const auto e : order)
    if (load[e] > 0) assigner.place(static_cast<std::int32_t>(e), home[e], load[e]);
  return std::move(assigner.parts);
}

double rank_imbalance(std::span<const std::int32_t> load, std::span<const std::int32_t> home,
                      std::int64_t ranks) {
  std::vector<double> rank(static_cast<std::size_t>(ranks), 0);
  double all = 0;
  for (std::size_t e = 0; e < load.size(); ++e) {
    rank[static_cast<std::size_t>(home[e])] += load[e];
    all += load[e];
  }
  return all > 0 ? *std::ranges::max_element(rank) * static_cast<double>(ranks) / all : 1;
}

}  // namespace moesim
