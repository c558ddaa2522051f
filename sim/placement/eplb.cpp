#include "sim/placement/eplb.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace moesim {
namespace {

std::vector<std::int32_t> inverse(const std::vector<std::int32_t>& permutation) {
  std::vector<std::int32_t> inverted(permutation.size());
  for (std::size_t i = 0; i < permutation.size(); ++i)
    inverted[static_cast<std::size_t>(permutation[i])] = static_cast<std::int32_t>(i);
  return inverted;
}

struct Replication {
  std::vector<std::int32_t> expert;    ///< [replicas]
  std::vector<std::int32_t> replicas;  ///< [experts]
};

Replication replicate_experts(std::span<const double> weights, std::size_t replicas) {
  Replication r;
  r.replicas.assign(weights.size(), 1);
  r.expert.resize(weights.size());
  std::iota(r.expert.begin(), r.expert.end(), 0);
  while (r.expert.size() < replicas) {
    std::size_t hottest = 0;
    for (std::size_t e = 1; e < weights.size(); ++e)
      if (weights[e] / r.replicas[e] > weights[hottest] / r.replicas[hottest]) hottest = e;
    r.expert.push_back(static_cast<std::int32_t>(hottest));
    ++r.replicas[hottest];
  }
  return r;
}

/// Replicas of one node's experts, in order of its GPUs, as ids among the node's experts.
std::vector<std::int32_t> place_on_node(std::span<const double> weights, std::size_t replicas,
                                        std::int64_t gpus) {
  const auto replication = replicate_experts(weights, replicas);
  std::vector<double> load;
  for (const auto e : replication.expert)
    load.push_back(weights[static_cast<std::size_t>(e)] /
                   replication.replicas[static_cast<std::size_t>(e)]);
  const auto packing = balanced_packing(load, gpus);
  const auto per_gpu = static_cast<std::int32_t>(replicas) / static_cast<std::int32_t>(gpus);
  std::vector<std::int32_t> placed(replicas);
  for (std::size_t i = 0; i < replicas; ++i)
    placed[static_cast<std::size_t>(packing.pack[i] * per_gpu + packing.rank_in_pack[i])] =
        replication.expert[i];
  return placed;
}

}  // namespace

Packing balanced_packing(std::span<const double> weights, std::int64_t packs) {
  const auto n = weights.size();
  const auto room = n / static_cast<std::size_t>(packs);
  Packing packing{std::vector<std::int32_t>(n), std::vector<std::int32_t>(n, 0)};
  if (room == 1) {  // the reference returns the identity here instead of sorting
    std::iota(packing.pack.begin(), packing.pack.end(), 0);
    return packing;
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater{}, [&](std::size_t i) { return weights[i]; });
  std::vector<double> load(static_cast<std::size_t>(packs), 0);
  std::vector<std::size_t> items(load.size(), 0);
  for (const auto i : order) {
    std::size_t lightest = load.size();
    for (std::size_t p = 0; p < load.size(); ++p)
      if (items[p] < room && (lightest == load.size() || load[p] < load[lightest])) lightest = p;
    packing.pack[i] = static_cast<std::int32_t>(lightest);
    packing.rank_in_pack[i] = static_cast<std::int32_t>(items[lightest]++);
    load[lightest] += weights[i];
  }
  return packing;
}

std::vector<std::int32_t> eplb_replicas(std::span<const double> weights, std::int64_t replicas,
                                        std::int64_t groups, std::int64_t nodes,
                                        std::int64_t gpus) {
  assert(replicas % gpus == 0 && gpus % nodes == 0);
  const auto experts = static_cast<std::int64_t>(weights.size());
  if (groups % nodes != 0 || experts % groups != 0) groups = nodes = 1;
  const auto group_size = static_cast<std::size_t>(experts / groups);
  std::vector<double> group_load(static_cast<std::size_t>(groups), 0);
  for (std::size_t e = 0; e < weights.size(); ++e) group_load[e / group_size] += weights[e];
  const auto packing = balanced_packing(group_load, nodes);
  std::vector<std::int32_t> reordered;  // expert -> its place when nodes stand one after another
  for (std::size_t e = 0; e < weights.size(); ++e) {
    const auto g = e / group_size;
    const auto place =
        (packing.pack[g] * static_cast<std::int32_t>(groups / nodes) + packing.rank_in_pack[g]) *
        static_cast<std::int32_t>(group_size);
    reordered.push_back(place + static_cast<std::int32_t>(e % group_size));
  }
  const auto original = inverse(reordered);
  const auto per_node = static_cast<std::size_t>(experts / nodes);
  std::vector<std::int32_t> placed;
  for (std::int64_t node = 0; node < nodes; ++node) {
    const auto first = static_cast<std::size_t>(node) * per_node;
    std::vector<double> local;
    for (std::size_t i = 0; i < per_node; ++i)
      local.push_back(weights[static_cast<std::size_t>(original[first + i])]);
    for (const auto id :
         place_on_node(local, static_cast<std::size_t>(replicas / nodes), gpus / nodes))
      placed.push_back(original[first + static_cast<std::size_t>(id)]);
  }
  return placed;
}

}  // namespace moesim
