#include "calibrate/missed_tactics.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

namespace moesim {
namespace {

// Balanced layers, one cut into more parts: 14.7 % of autotuned CUTLASS rows exceed this factor,
// next to none of the kernels without an autotuner.
constexpr double kSlowerThanCoarser = 1.25;
// Against the balanced layer that has at least as much to read and to compute: kernels without an
// autotuner (Triton, fp8_block) stay below 1.25 in 99 % of rows and below 1.65 in all, H100 bf16
// CUTLASS has 8.2 % of rows above 1.5 and 7.3 % above 2 (TensorRT-LLM 1.3.0rc20 tables).
constexpr double kSlowerThanMoreWork = 2.0;

using Samples = std::vector<ExpertsSample>;

/// Indices of the samples by what `key` says of them.
template <class Key>
auto grouped(const Samples& samples, Key key) {
  std::map<decltype(key(samples.front())), std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < samples.size(); ++i) groups[key(samples[i])].push_back(i);
  return groups;
}

bool same_cut(const ExpertsSample& a, const ExpertsSample& b) {
  return a.tensor == b.tensor && a.expert_parallel == b.expert_parallel;
}

bool coarser(const ExpertsSample& a, const ExpertsSample& b) {
  return a.tensor <= b.tensor && a.expert_parallel <= b.expert_parallel && !same_cut(a, b);
}

/// A balanced layer cut into more parts does less on the timed rank. A skewed row may be slower for
/// a good reason; it falls with the balanced row of its cut.
std::vector<bool> slower_than_coarser(const Samples& samples) {
  const auto groups = grouped(samples, [](const ExpertsSample& s) {
    return std::tuple(s.format, s.hidden, s.intermediate * s.tensor, s.experts, s.topk, s.tokens);
  });
  std::vector<bool> missed(samples.size());
  for (const auto& [_, members] : groups)
    for (const auto i : members) {
      const auto& s = samples[i];
      if (!s.balanced()) continue;
      const bool slow = std::ranges::any_of(members, [&](std::size_t j) {
        return samples[j].balanced() && coarser(samples[j], s) &&
               s.time_s > kSlowerThanCoarser * samples[j].time_s;
      });
      for (const auto j : members)
        if (slow && same_cut(samples[j], s)) missed[j] = true;
    }
  return missed;
}

struct Work {
  std::int64_t assigned = 0, active = 0;
  double time_s = 0;
};

Work work_of(const ExpertsSample& s) {
  Work work{0, 0, s.time_s};
  for (const auto count : s.tokens_per_expert) {
    work.assigned += count;
    work.active += count > 0;
  }
  return work;
}

/// Any row against the balanced rows of the same layer and cut: with as many rows on the timed rank
/// and as many active experts there is as much to compute and to read.
std::vector<bool> slower_than_more_work(const Samples& samples) {
  const auto groups = grouped(samples, [](const ExpertsSample& s) {
    return std::tuple(s.format, s.hidden, s.intermediate, s.experts, s.topk, s.tensor,
                      s.expert_parallel);
  });
  std::vector<bool> missed(samples.size());
  for (const auto& [_, members] : groups) {
    std::vector<Work> balanced;
    for (const auto i : members)
      if (samples[i].balanced()) balanced.push_back(work_of(samples[i]));
    for (const auto i : members) {
      const auto work = work_of(samples[i]);
      missed[i] = std::ranges::any_of(balanced, [&](const Work& more) {
        return more.assigned >= work.assigned && more.active >= work.active &&
               work.time_s > kSlowerThanMoreWork * more.time_s;
      });
    }
  }
  return missed;
}

}  // namespace

void leave_out_missed_tactics(Imported<ExpertsSample>& table) {
  const auto coarser_cut = slower_than_coarser(table.samples);
  const auto more_work = slower_than_more_work(table.samples);
  Samples kept;
  kept.reserve(table.samples.size());
  for (std::size_t i = 0; i < table.samples.size(); ++i) {
    if (coarser_cut[i])
      ++table.left_out["missed tactic (slower than 1.25 x a less partitioned layer)"];
    else if (more_work[i])
      ++table.left_out["missed tactic (slower than 2 x the balanced layer with more work)"];
    else
      kept.push_back(std::move(table.samples[i]));
  }
  table.samples = std::move(kept);
}

}  // namespace moesim
