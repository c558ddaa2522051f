#include "sim/platform/transport.hpp"

namespace moesim {

void Routes::add(const PathSets& paths, int flow, const Flow& ends, double bytes,
                 std::int64_t index) {
  Piece piece{flow, bytes, links.size(), 0};
  paths.append_path(ends.source, ends.target, index, links);
  piece.links = links.size() - piece.first_link;
  pieces.push_back(piece);
}

void Routes::load(LinkLoads& loads) const {
  for (const auto& piece : pieces)
    for (const int link : path(piece)) loads.add(link, piece.bytes);
}

}  // namespace moesim
