// Minimum-cost flow (Boost.Graph, successive shortest paths): experts flow to ranks, a rank has one
// unit of room per slot, and an expert on the j-th slot of a rank costs its load times j: hot
// experts take the first slots, so they spread over ranks.
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/successive_shortest_path_nonnegative_weights.hpp>
#include <cmath>

#include "sim/placement/packing.hpp"

namespace moesim {
namespace {

using Traits = boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;
using Graph = boost::adjacency_list<
    boost::vecS, boost::vecS, boost::directedS, boost::no_property,
    boost::property<boost::edge_capacity_t, long,
                    boost::property<boost::edge_residual_capacity_t, long,
                                    boost::property<boost::edge_reverse_t, Traits::edge_descriptor,
                                                    boost::property<boost::edge_weight_t, long>>>>>;

void connect(Graph& graph, std::size_t from, std::size_t to, long capacity, long cost) {
  const auto there = boost::add_edge(from, to, graph).first;
  const auto back = boost::add_edge(to, from, graph).first;
  boost::put(boost::edge_capacity, graph, there, capacity);
  boost::put(boost::edge_capacity, graph, back, 0L);
  boost::put(boost::edge_weight, graph, there, cost);
  boost::put(boost::edge_weight, graph, back, -cost);
  boost::put(boost::edge_reverse, graph, there, back);
  boost::put(boost::edge_reverse, graph, back, there);
}

class MinCostFlow final : public Placement {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };
  MinCostFlow(const Config&, const Context& context) : context_(context) {}

  LayerPlacement place(std::span<const double> popularity) override {
    const auto replicas = replicate(popularity, context_.redundant);
    std::vector<std::int32_t> units;  // one per slot to fill
    for (std::int32_t e = 0; e < context_.experts; ++e)
      units.insert(units.end(), static_cast<std::size_t>(replicas[static_cast<std::size_t>(e)]), e);
    const auto total = static_cast<std::int64_t>(units.size());
    // Nodes: source, sink, units, then levels (the j-th slot of every rank), whose ranks are alike
    // in cost: a level takes as many units as ranks have that slot.
    const auto levels = static_cast<std::size_t>((total + context_.ranks - 1) / context_.ranks);
    Graph graph(2 + units.size() + levels);
    double mean = 0;
    for (const double p : popularity) mean += p / static_cast<double>(context_.experts);
    for (std::size_t i = 0; i < units.size(); ++i) {
      connect(graph, 0, 2 + i, 1, 0);
      const auto e = static_cast<std::size_t>(units[i]);
      const double load = mean > 0 ? popularity[e] / replicas[e] / mean : 1;
      for (std::size_t j = 0; j < levels; ++j)
        connect(graph, 2 + i, 2 + units.size() + j, 1,
                std::lround(1e6 * load * static_cast<double>(j + 1)));
    }
    std::vector<long> room(levels, 0);
    for (std::int64_t r = 0; r < context_.ranks; ++r)
      for (std::int64_t j = 0; j < room_of_rank(total, context_.ranks, r); ++j)
        ++room[static_cast<std::size_t>(j)];
    for (std::size_t j = 0; j < levels; ++j) connect(graph, 2 + units.size() + j, 1, room[j], 0);
    boost::successive_shortest_path_nonnegative_weights(graph, 0UL, 1UL);
    return spread(graph, units, levels, popularity, replicas);
  }

 private:
  /// Levels in order, alternately from the first and from the last rank with room: the heavier of a
  /// level meet the lighter of the next.
  LayerPlacement spread(const Graph& graph, const std::vector<std::int32_t>& units,
                        std::size_t levels, std::span<const double> popularity,
                        const std::vector<std::int32_t>& replicas) const {
    const auto ranks = static_cast<std::size_t>(context_.ranks);
    std::vector<std::vector<std::int32_t>> on(ranks);
    std::vector<double> load(ranks, 0);
    for (std::size_t j = 0; j < levels; ++j) {
      std::vector<std::int32_t> here;
      for (std::size_t i = 0; i < units.size(); ++i)
        for (auto [edge, end] = boost::out_edges(2 + i, graph); edge != end; ++edge)
          if (boost::target(*edge, graph) == 2 + units.size() + j &&
              boost::get(boost::edge_residual_capacity, graph, *edge) == 0 &&
              boost::get(boost::edge_capacity, graph, *edge) == 1)
            here.push_back(units[i]);
      const auto weight = [&](std::int32_t e) {
        return popularity[static_cast<std::size_t>(e)] / replicas[static_cast<std::size_t>(e)];
      };
      std::ranges::stable_sort(here, std::greater{}, weight);
      for (const auto e : here) {
        std::size_t best = ranks;
        for (std::size_t r = 0; r < ranks; ++r)
          if (on[r].size() == j &&
              std::ssize(on[r]) <
                  room_of_rank(std::ssize(units), context_.ranks, static_cast<std::int64_t>(r)) &&
              (best == ranks || load[r] < load[best]))
            best = r;
        on[best].push_back(e);
        load[best] += weight(e);
      }
    }
    return placement_of_ranks(on, context_.experts);
  }

  Context context_;
};

const Register<Placement, MinCostFlow> min_cost_flow_registered(
    "min-cost-flow", "experts flow to slots, hot ones to the first slot of a rank (Boost.Graph)");

}  // namespace
}  // namespace moesim
