#include "sim/transport/edge_colouring.hpp"

#include <algorithm>
#include <map>

namespace moesim {
namespace {

/// Gives every `colours` edges of a vertex a copy of the vertex of their own.
class VertexCopies {
 public:
  explicit VertexCopies(int colours) : colours_(colours) {}
  int of(int vertex) {
    auto& state = state_[vertex];
    if (state.second == 0) state = {count_++, colours_};
    --state.second;
    return state.first;
  }
  int count() const { return count_; }

 private:
  int colours_, count_ = 0;
  std::map<int, std::pair<int, int>> state_;  ///< copy, edges that it still takes
};

class Colouring {
 public:
  Colouring(std::vector<std::pair<int, int>> edges, int vertices, int colours)
      : edges_(std::move(edges)),
        colours_(colours),
        colour_(edges_.size(), -1),
        edge_at_(static_cast<std::size_t>(vertices * colours), -1) {}

  std::vector<int> run() {
    for (std::size_t e = 0; e < edges_.size(); ++e) {
      const auto [u, v] = edges_[e];
      const int a = free(u), b = free(v);
      if (a != b) flip(v, a, b);
      set(static_cast<int>(e), a);
    }
    return std::move(colour_);
  }

 private:
  int& at(int vertex, int colour) {
    return edge_at_[static_cast<std::size_t>(vertex * colours_ + colour)];
  }
  int free(int vertex) {
    int c = 0;
    while (at(vertex, c) >= 0) ++c;
    return c;
  }
  void set(int edge, int colour) {
    const auto [u, v] = edges_[static_cast<std::size_t>(edge)];
    colour_[static_cast<std::size_t>(edge)] = colour;
    at(u, colour) = at(v, colour) = edge;
  }
  /// Exchanges colours a and b along the path that leaves v by a, so that a becomes free there.
  void flip(int v, int a, int b) {
    std::vector<int> path;
    int x = v, c = a;
    while (at(x, c) >= 0) {
      const int e = at(x, c);
      path.push_back(e);
      const auto [u, w] = edges_[static_cast<std::size_t>(e)];
      x = u == x ? w : u;
      c = a + b - c;
    }
    for (const int e : path) {
      const auto [u, w] = edges_[static_cast<std::size_t>(e)];
      const int old = colour_[static_cast<std::size_t>(e)];
      at(u, old) = at(w, old) = -1;
    }
    for (const int e : path) set(e, a + b - colour_[static_cast<std::size_t>(e)]);
  }

  std::vector<std::pair<int, int>> edges_;
  int colours_;
  std::vector<int> colour_;
  std::vector<int> edge_at_;  ///< [vertex][colour]; -1: none
};

}  // namespace

std::vector<int> edge_colouring(const std::vector<std::pair<int, int>>& edges, int colours) {
  VertexCopies left(colours), right(colours);
  std::vector<std::pair<int, int>> split;
  for (const auto& [u, v] : edges) split.emplace_back(left.of(u), right.of(v));
  for (auto& edge : split) edge.second += left.count();
  return Colouring(std::move(split), left.count() + right.count(), colours).run();
}

}  // namespace moesim
