// Planned paths: a central planner knows all flows and gives each queue pair its path, as C4P does
// for the few long-lived flows of collectives (arXiv 2406.04594): distinct spines, both ports of a
// bonded NIC balanced, planned again without the links that have failed. Equal flows in two tiers
// are coloured, which is optimal; others are placed largest first on the path whose busiest link
// ends soonest (capacities count), then moved while the busiest link of all gets shorter.
#include <algorithm>
#include <numeric>

#include "sim/platform/transport.hpp"
#include "sim/transport/edge_colouring.hpp"
#include "sim/transport/goodput.hpp"

namespace moesim {
namespace {

/// Paths that are looked at for one flow.
constexpr std::int64_t kPlannedPaths = 256;

/// A queue pair to be placed.
struct Part {
  int flow = 0;
  double bytes = 0;
  std::int64_t path = -1;
};

class Plan {
 public:
  Plan(const PathSets& paths, std::span<const Flow> flows, std::vector<Part> parts)
      : paths_(paths),
        flows_(flows),
        parts_(std::move(parts)),
        time_(paths.fabric().links().size(), 0),
        own_(time_.size(), 0) {}

  /// Bytes of other flows, which stay where they are.
  void begin_with(const LinkLoads& under_way) {
    for (const int link : under_way.touched())
      if (static_cast<std::size_t>(link) < time_.size() && paths_.fabric().up(link))
        time_[static_cast<std::size_t>(link)] = seconds(link, under_way.bytes(link));
  }

  /// False when the fabric or the flows are not of the kind that colouring solves.
  bool colour() {
    std::vector<std::size_t> crossing;
    std::vector<std::pair<int, int>> edges;
    std::int64_t spines = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const auto& flow = flows_[static_cast<std::size_t>(parts_[i].flow)];
      const auto from = paths_.fabric().ports(flow.source), to = paths_.fabric().ports(flow.target);
      if (from.size() != 1 || to.size() != 1 || parts_[i].bytes != parts_.front().bytes)
        return false;
      parts_[i].path = 0;
      if (from.front().at == to.front().at) continue;
      const auto count = paths_.count(flow.source, flow.target);
      if (paths_.hops(flow.source, flow.target) != 4 || (spines != 0 && count != spines))
        return false;
      spines = count;
      crossing.push_back(i);
      edges.emplace_back(from.front().at, to.front().at);
    }
    if (crossing.empty()) return true;
    if (!even_capacity()) return false;
    const auto colours = edge_colouring(edges, static_cast<int>(spines));
    for (std::size_t i = 0; i < crossing.size(); ++i) parts_[crossing[i]].path = colours[i];
    return true;
  }

  void place_largest_first() {
    std::vector<std::size_t> order(parts_.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, std::greater{}, [&](auto i) { return parts_[i].bytes; });
    for (const auto i : order) {
      parts_[i].path = best_path(parts_[i]);
      add(parts_[i], 1);
    }
    improve();
  }

  void write(Routes& into) const {
    for (const auto& part : parts_)
      into.add(paths_, part.flow, flows_[static_cast<std::size_t>(part.flow)], part.bytes,
               part.path);
  }

 private:
  double seconds(int link, double bytes) const {
    return bytes / paths_.fabric().links()[static_cast<std::size_t>(link)].capacity.value;
  }
  /// Colours are spines only where all links between switches are equal and none is missing.
  bool even_capacity() const {
    const auto& fabric = paths_.fabric();
    double capacity = 0;
    for (int l = 0; l < static_cast<int>(fabric.links().size()); ++l) {
      if (fabric.ends(l).from < 0 || fabric.ends(l).to < 0) continue;
      const double here = fabric.links()[static_cast<std::size_t>(l)].capacity.value;
      if (capacity != 0 && here != capacity) return false;
      capacity = here;
    }
    return true;
  }
  void links_of(const Part& part, std::int64_t path) {
    const auto& flow = flows_[static_cast<std::size_t>(part.flow)];
    scratch_.clear();
    paths_.append_path(flow.source, flow.target, path, scratch_);
  }
  void add(const Part& part, int sign) {
    links_of(part, part.path);
    for (const int link : scratch_) {
      time_[static_cast<std::size_t>(link)] += sign * seconds(link, part.bytes);
      own_[static_cast<std::size_t>(link)] += sign;
    }
  }
  /// Busiest link of the path once the part is on it, then the sum over its links.
  std::pair<double, double> cost(const Part& part, std::int64_t path) {
    links_of(part, path);
    double most = 0, sum = 0;
    for (const int link : scratch_) {
      const double t = time_[static_cast<std::size_t>(link)] + seconds(link, part.bytes);
      most = std::max(most, t);
      sum += t;
    }
    return {most, sum};
  }
  std::int64_t best_path(const Part& part) {
    const auto& flow = flows_[static_cast<std::size_t>(part.flow)];
    const auto count = paths_.count(flow.source, flow.target);
    if (count == 0) paths_.no_path(flow.source, flow.target);
    const auto stride = std::max<std::int64_t>(1, count / kPlannedPaths);
    std::int64_t best = 0;
    auto least = cost(part, 0);
    for (std::int64_t p = stride; p < count; p += stride)
      if (const auto c = cost(part, p); c < least) least = c, best = p;
    return best;
  }
  /// Moves single parts off the busiest link while that shortens what they cross.
  void improve() {
    for (std::size_t round = 0; round < 4 * parts_.size(); ++round) {
      int busiest = 0;  // of the links that these parts cross
      double most = 0;
      for (std::size_t l = 0; l < time_.size(); ++l)
        if (own_[l] > 0 && time_[l] > most) most = time_[l], busiest = static_cast<int>(l);
      bool moved = false;
      for (auto& part : parts_) {
        links_of(part, part.path);
        if (std::ranges::find(scratch_, busiest) == scratch_.end()) continue;
        const auto old = part.path;
        add(part, -1);
        part.path = best_path(part);
        moved = cost(part, part.path).first < most * (1 - 1e-12);
        if (!moved) part.path = old;
        add(part, 1);
        if (moved) break;
      }
      if (!moved) return;
    }
  }

  const PathSets& paths_;
  std::span<const Flow> flows_;
  std::vector<Part> parts_;
  std::vector<double> time_;  ///< [links] seconds of bytes
  std::vector<int> own_;      ///< [links] parts on it
  std::vector<int> scratch_;
};

class Planned final : public Transport {
 public:
  struct Config {
    std::int64_t queue_pairs = 1;
    std::vector<double> goodput{1};
    static const Parameters<Config>& parameters() {
      static const auto list = Parameters<Config>()
                                   .optional("queue_pairs", &Config::queue_pairs,
                                             "equal parts of a flow, each on a path of its own")
                                   .min(1)
                                   .max(1024)
                                   .optional("goodput", &Config::goodput, kGoodputDoc)
                                   .above(0)
                                   .max(1);
      return list;
    }
  };

  Planned(const Config& config, const Context& context) : config_(config), paths_(context.paths) {}

  void route(std::span<const Flow> flows, Routes& into) const override {
    Plan plan(paths_, flows, parts_of(flows));
    if (!plan.colour()) plan.place_largest_first();
    plan.write(into);
  }

  void route_beside(std::span<const Flow> flows, const LinkLoads& under_way,
                    Routes& into) const override {
    if (under_way.touched().empty()) return route(flows, into);
    Plan plan(paths_, flows, parts_of(flows));
    plan.begin_with(under_way);
    plan.place_largest_first();
    plan.write(into);
  }

  double goodput(double oversubscription) const override {
    return goodput_at(config_.goodput, oversubscription);
  }

 private:
  std::vector<Part> parts_of(std::span<const Flow> flows) const {
    std::vector<Part> parts;
    for (std::size_t f = 0; f < flows.size(); ++f)
      for (std::int64_t q = 0; q < config_.queue_pairs; ++q)
        parts.push_back(
            {static_cast<int>(f), flows[f].bytes / static_cast<double>(config_.queue_pairs), -1});
    return parts;
  }

  Config config_;
  const PathSets& paths_;
};

const Register<Transport, Planned> planned_registered(
    "planned", "a planner gives every queue pair its path (C4), again when a link fails");

}  // namespace
}  // namespace moesim
