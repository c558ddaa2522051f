#include "sim/transport/exchange.hpp"

#include <numeric>

namespace moesim {

std::vector<int> node_index(const Network& network, const Group& group) {
  std::vector<int> index;
  for (const int gpu : group.gpus()) {
    int n = 0;
    while (group.per_node()[static_cast<std::size_t>(n)].first != network.node_of(gpu)) ++n;
    index.push_back(n);
  }
  return index;
}

void product_traffic(const Network& network, const Group& group, std::span<const double> sent,
                     std::span<const double> share, bool reversed, Transfer& into) {
  std::vector<double> node_sent(static_cast<std::size_t>(network.nodes()), 0),
      node_share(node_sent);
  const auto ranks = static_cast<std::size_t>(group.size());
  const auto node = [&](std::size_t i) {
    return static_cast<std::size_t>(network.node_of(group.gpus()[i]));
  };
  for (std::size_t i = 0; i < ranks; ++i) {
    node_sent[node(i)] += sent[i];
    node_share[node(i)] += share[i];
  }
  const double all_share = std::accumulate(node_share.begin(), node_share.end(), 0.0);
  for (std::size_t i = 0; i < ranks; ++i) {
    const int gpu = group.gpus()[i];
    const double inside_out = sent[i] * (node_share[node(i)] - share[i]);
    const double inside_in = share[i] * (node_sent[node(i)] - sent[i]);
    const double outside_out = sent[i] * (all_share - node_share[node(i)]);
    network.island_out(gpu, reversed ? inside_in : inside_out, into.loads);
    network.island_in(gpu, reversed ? inside_out : inside_in, into.loads);
    into.payload_bytes += inside_out + outside_out;
  }
  for (std::size_t i = 0; into.listed && i < ranks; ++i)
    for (std::size_t j = 0; j < ranks; ++j)
      if (node(i) == node(j))
        into.list.add_inside(group.gpus()[reversed ? j : i], group.gpus()[reversed ? i : j],
                             sent[i] * share[j]);
  if (group.nodes() < 2) return;
  std::vector<double> gpu_sent(static_cast<std::size_t>(network.gpus()), 0), gpu_share(gpu_sent);
  for (std::size_t i = 0; i < ranks; ++i) {
    gpu_sent[static_cast<std::size_t>(group.gpus()[i])] = sent[i];
    gpu_share[static_cast<std::size_t>(group.gpus()[i])] = share[i];
  }
  if (reversed) gpu_sent.swap(gpu_share);
  network.send_product(gpu_sent, gpu_share, into.loads, into.flow_list());
}

}  // namespace moesim
