// The steps of reduce-scatter, all-gather and all-reduce by algorithm. Sources: ring and
// recursive halving/doubling as in Thakur, Rabenseifner, Gropp, "Optimization of Collective
// Communication Operations in MPICH" (IJHPCA 2005); double binary trees as in Sanders, Speck,
// Traeff, "Two-tree algorithms for full bandwidth broadcast, reduction and scan" (Parallel
// Computing 2009), which NCCL uses.
#include <fmt/format.h>

#include <bit>

#include "sim/transport/collective.hpp"

namespace moesim {
namespace {

using Steps = std::vector<CollectiveStep>;

Steps ring_steps(bool both, double bytes, const std::vector<int>& ring) {
  const auto n = static_cast<std::int64_t>(ring.size());
  CollectiveStep step;
  step.repeat = (both ? 2 : 1) * (n - 1);
  for (std::size_t i = 0; i < ring.size(); ++i)
    step.flows.push_back({ring[i], ring[(i + 1) % ring.size()], bytes / static_cast<double>(n)});
  return {step};
}

Steps recursive_steps(bool reduce, bool gather, double bytes, std::int64_t ranks) {
  if (!std::has_single_bit(static_cast<std::uint64_t>(ranks)))
    throw InputError(
        fmt::format("recursive doubling needs a power of two, these are {} ranks", ranks));
  Steps halving, steps;
  for (std::int64_t distance = ranks / 2; distance > 0; distance /= 2) {
    CollectiveStep step;
    const double part = bytes * static_cast<double>(distance) / static_cast<double>(ranks);
    for (std::int64_t r = 0; r < ranks; ++r)
      step.flows.push_back({static_cast<int>(r), static_cast<int>(r ^ distance), part});
    halving.push_back(std::move(step));
  }
  if (reduce) steps = halving;
  if (gather) steps.insert(steps.end(), halving.rbegin(), halving.rend());
  return steps;
}

/// Parent of rank r (counted from 1) in the binary tree whose leaves are the odd numbers, cut to n;
/// 0: the root.
std::int64_t parent_of(std::int64_t r, std::int64_t n) {
  for (std::int64_t level = r & -r; level <= n; level <<= 1) {
    const auto parent = (r & ~((level << 2) - 1)) | (level << 1);
    if (parent <= n && parent != r) return parent;
  }
  return 0;
}

/// Both trees pipelined at once, each with half of the bytes; the second has the ranks shifted by
/// one, so that inner ranks of one are leaves of the other (n even; nearly so for n odd).
Steps tree_steps(bool reduce, bool gather, double bytes, std::int64_t ranks) {
  CollectiveStep step;
  for (std::int64_t shift = 0; shift < 2; ++shift)
    for (std::int64_t r = 1; r <= ranks; ++r) {
      const auto parent = parent_of(r, ranks);
      if (parent == 0) continue;
      const auto rank = [&](std::int64_t one_based) {
        return static_cast<int>((one_based - 1 + shift) % ranks);
      };
      if (reduce) step.flows.push_back({rank(r), rank(parent), bytes / 2});
      if (gather) step.flows.push_back({rank(parent), rank(r), bytes / 2});
    }
  const auto depth = static_cast<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(ranks)));
  step.start_ups = (reduce && gather ? 2 : 1) * depth;
  return {step};
}

/// Reduce-scatter inside the nodes, then the shards between the nodes, then all-gather inside.
Steps hierarchical_steps(bool reduce, bool gather, double bytes,
                         const Collective::Context& context) {
  const auto local = context.ranks_per_node;
  if (context.ranks % local != 0)
    throw InputError(
        fmt::format("a hierarchical collective needs whole nodes: {} ranks on nodes "
                    "of {}",
                    context.ranks, local));
  const auto nodes = context.ranks / local;
  CollectiveStep inside, between;
  inside.repeat = local - 1;
  between.repeat = (reduce && gather ? 2 : 1) * (nodes - 1);
  for (std::int64_t r = 0; r < context.ranks; ++r) {
    const auto node = r / local, place = r % local;
    if (local > 1)
      inside.flows.push_back({static_cast<int>(r),
                              static_cast<int>(node * local + (place + 1) % local),
                              bytes / static_cast<double>(local)});
    if (nodes > 1)
      between.flows.push_back({static_cast<int>(r),
                               static_cast<int>((node + 1) % nodes * local + place),
                               bytes / static_cast<double>(local * nodes)});
  }
  Steps steps;
  if (reduce && !inside.flows.empty()) steps.push_back(inside);
  if (!between.flows.empty()) steps.push_back(between);
  if (gather && !inside.flows.empty()) steps.push_back(inside);
  return steps;
}

}  // namespace

const std::vector<std::string>& names_of(Algorithm) {
  static const std::vector<std::string> names = {"ring", "tree", "recursive-doubling",
                                                 "hierarchical"};
  return names;
}

std::vector<CollectiveStep> gather_steps(Algorithm algorithm, bool reduce, bool gather,
                                         double bytes, const std::vector<int>& ring,
                                         const Collective::Context& context) {
  if (context.ranks < 2) return {};
  switch (algorithm) {
    case Algorithm::ring:
      return ring_steps(reduce && gather, bytes, ring);
    case Algorithm::tree:
      return tree_steps(reduce, gather, bytes, context.ranks);
    case Algorithm::recursive_doubling:
      return recursive_steps(reduce, gather, bytes, context.ranks);
    case Algorithm::hierarchical:
      break;
  }
  return hierarchical_steps(reduce, gather, bytes, context);
}

}  // namespace moesim
