#include "sim/engine/joint_routes.hpp"

#include <map>

namespace moesim {

Routes route_together(const Network& network, const Transport& transport,
                      std::span<const SplitFlows* const> all, std::size_t mine) {
  std::vector<Flow> flows;
  std::size_t first = 0;
  for (std::size_t c = 0; c < all.size(); ++c) {
    if (c == mine) first = flows.size();
    flows.insert(flows.end(), all[c]->outside.begin(), all[c]->outside.end());
  }
  const auto& own = *all[mine];
  Routes together, routes;
  const auto take = [&](const Routes& from, Routes::Piece piece, int flow) {
    const auto path = from.path(piece);
    piece.flow = flow;
    piece.first_link = routes.links.size();
    routes.links.insert(routes.links.end(), path.begin(), path.end());
    routes.pieces.push_back(piece);
  };
  if (!own.outside.empty()) transport.route(flows, together);
  for (const auto& piece : together.pieces) {
    const auto flow = static_cast<std::size_t>(piece.flow);
    if (flow >= first && flow < first + own.outside.size())
      take(together, piece, own.outside_of[flow - first]);
  }
  SplitFlows inside;
  inside.inside = own.inside;
  inside.inside_of = own.inside_of;
  const auto islands = route_step(network, transport, inside);
  for (const auto& piece : islands.pieces) take(islands, piece, piece.flow);
  return routes;
}

Routes rest_of(Routes routes, const SplitFlows& whole, const SplitFlows& left) {
  const auto bytes_of = [](const SplitFlows& flows) {
    std::map<int, double> bytes;
    for (std::size_t i = 0; i < flows.outside.size(); ++i)
      bytes[flows.outside_of[i]] = flows.outside[i].bytes;
    for (std::size_t i = 0; i < flows.inside.size(); ++i)
      bytes[flows.inside_of[i]] = flows.inside[i].bytes;
    return bytes;
  };
  const auto all = bytes_of(whole);
  auto rest = bytes_of(left);
  for (auto& piece : routes.pieces) piece.bytes *= rest[piece.flow] / all.at(piece.flow);
  std::erase_if(routes.pieces, [](const auto& piece) { return piece.bytes <= 0; });
  return routes;
}

}  // namespace moesim
