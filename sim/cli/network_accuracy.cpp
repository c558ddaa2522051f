#include "sim/cli/network_accuracy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "sim/cli/network_predict.hpp"

namespace moesim {
namespace {

/// Random assignments per hashed case.
constexpr int kSeeds = 200;
constexpr std::int64_t kMiB = 1 << 20;

std::string ratio_text(const NetworkRun& run) {
  return fmt::format("{:g}:1", run.oversubscription);
}

/// "permutations", "all-to-all", "rings", "MoE dispatch".
std::string pattern_text(const NetworkRun& run) {
  if (run.pattern.starts_with("perm")) return "permutations";
  if (run.pattern == "a2a") return "all-to-all";
  if (run.pattern.starts_with("ring")) return "rings";
  return run.pattern.starts_with("moe") ? "MoE dispatch" : run.pattern;
}

/// Messages of all-to-alls and dispatches are parts of much larger transfers.
bool small(const NetworkRun& run) {
  return run.message_bytes < kMiB &&
         (run.pattern.starts_with("perm") || run.pattern.starts_with("ring"));
}

/// What the design asks of a class of runs.
struct Target {
  std::optional<double> median, p90, p95;
};

/// Spraying: 5 % of 90 % of the runs at 1:1, else 10 %; planned 2 %; replays 10 % of 95 %.
Target spray_target(const NetworkRun& run) {
  const double bound = run.oversubscription <= 1 && !small(run) ? 0.05 : 0.10;
  return {bound, bound, {}};
}

class Groups {
 public:
  void add(const std::string& group, const char* metric, double error, const Target& target) {
    const auto [at, added] = index_.emplace(std::pair(group, std::string(metric)), entries_.size());
    if (added) {
      LedgerEntry entry;
      entry.name = "network";
      entry.group = group;
      entry.metric = metric;
      entry.target = target.median;
      entry.target_p90 = target.p90;
      entry.target_p95 = target.p95;
      entries_.push_back(std::move(entry));
      errors_.emplace_back();
    }
    errors_[at->second].push_back(error);
  }
  std::vector<LedgerEntry> take() {
    std::vector<LedgerEntry> all;
    for (const auto& [_, i] : index_) {
      entries_[i].errors = error_statistics(errors_[i]);
      all.push_back(entries_[i]);
    }
    return all;
  }

 private:
  std::map<std::pair<std::string, std::string>, std::size_t> index_;
  std::vector<LedgerEntry> entries_;
  std::vector<std::vector<double>> errors_;
};

bool is_spray(const std::string& lb) {
  return lb.starts_with("spray_") || lb == "adaptive_pkt" || lb == "switch_rr" ||
         (lb.starts_with("uec_") && lb.find("ecmp") == std::string::npos);
}

class Comparison {
 public:
  explicit Comparison(const std::string& folder) : runs_(folder) {}

  NetworkAccuracy run() {
    for (const auto& run : runs_.runs()) compare(run);
    compare_distributions();
    NetworkAccuracy accuracy;
    accuracy.rows = runs_.runs().size();
    accuracy.entries = groups_.take();
    accuracy.left_out.assign(left_out_.begin(), left_out_.end());
    if (degraded_ > 0)
      accuracy.notes.push_back(
          fmt::format("degraded links: {} of {} permuted sprays lie between the capacity-aware and "
                      "the rigid bound",
                      bracketed_, degraded_));
    if (hashed_ > 0)
      accuracy.notes.push_back(fmt::format(
          "hashed paths: {} of {} cases have the packet-level mean inside the 5th to 95th "
          "percentile of {} random assignments; {} of {} single runs lie inside their range",
          mean_covered_, hashed_, kSeeds, runs_covered_, runs_hashed_));
    return accuracy;
  }

 private:
  void compare(const NetworkRun& run) {
    if (!run.complete) return leave_out("not all flows of the run ended");
    if (run.lb.starts_with("roce_switch_rr"))
      return leave_out("RoCE with per-packet round robin: go-back-N collapses, no fluid model");
    const auto flows = runs_.traffic(run);
    const bool ours = run.lb == "plan_colour" && run.speed == 1 && flows;
    if (ours) planned(run, *flows);
    if (!run.recorded.empty()) return replay(run);
    if (ours) return;
    if (!flows) return leave_out("traffic matrix not in the data");
    if (run.speed < 1) return degraded(run, *flows);
    if (is_spray(run.lb)) return spray(run, *flows);
    if (run.lb == "adaptive_flowlet") return leave_out("flowlets: paths were not recorded");
    leave_out("paths were not recorded (more than 300 flows)");
  }

  void spray(const NetworkRun& run, std::span<const Flow> flows) {
    const auto& network = runs_.network(run);
    const auto time = predict_transport(network, run, flows, "spray", !small(run));
    const bool fitted = run.pattern.starts_with("perm") && !small(run);
    groups_.add(fmt::format("{} {}, {}{}", run.lb == "spray_perm" ? "spray" : run.lb,
                            ratio_text(run), pattern_text(run),
                            small(run) ? " of 64 KiB"
                            : fitted   ? " (fit)"
                                       : ""),
                "completion", time.value / run.time_s - 1,
                run.lb == "spray_perm" ? spray_target(run) : Target{});
  }

  /// With the project's own plan.
  void planned(const NetworkRun& run, std::span<const Flow> flows) {
    const auto time = predict_transport(runs_.network(run), run, flows, "planned", !small(run));
    groups_.add(fmt::format("planned {}, {}{}", ratio_text(run), pattern_text(run),
                            run.pattern.starts_with("perm") && !small(run) ? " (fit)" : ""),
                "completion", time.value / run.time_s - 1,
                run.oversubscription <= 1 ? Target{0.02, 0.02, {}} : Target{});
  }

  void replay(const NetworkRun& run) {
    const auto& network = runs_.network(run);
    const auto degraded = run.speed < 1 ? fmt::format(", one link at {:g}", run.speed) : "";
    // One factor per transport and oversubscription above 1:1; at 1:1 the fluid time as it is.
    const auto time = predict_replay(network, run, run.oversubscription > 1 && !small(run));
    const bool ndp = !run.lb.starts_with("uec_") && !run.lb.starts_with("roce_");
    const auto kind = run.lb == "ecmp_single"  ? "hashed"
                      : run.lb == "split_ecmp" ? "split"
                                               : run.lb;
    Target target;
    if (ndp && degraded.empty() && run.oversubscription <= 1) target = {0.1, {}, 0.1};
    if (ndp && degraded.empty() && run.oversubscription > 1 && run.oversubscription <= 2 &&
        (kind == "hashed" || kind == "split"))
      target = {0.1, 0.1, {}};
    const bool hashes = run.lb == "ecmp_single" || run.lb == "split_ecmp";
    if (small(run) && hashes && degraded.empty()) target = {0.05, {}, 0.05};
    groups_.add(fmt::format("replayed {} {}{}{}", kind, ratio_text(run),
                            small(run) ? ", 64 KiB" : "", degraded),
                "completion", time.value / run.time_s - 1, target);
  }

  void degraded(const NetworkRun& run, std::span<const Flow> flows) {
    if (!is_spray(run.lb)) return leave_out("paths were not recorded (more than 300 flows)");
    const auto& network = runs_.network(run);
    const auto bound = [&](const char* transport, bool factors) {
      return predict_bound(network, run, flows, transport, factors).value;
    };
    if (run.lb == "spray_perm" && run.speed > 0) {
      ++degraded_;
      if (run.time_s >= bound("{type: spray, shares: capacity-aware}", false) &&
          run.time_s <= bound("spray", false))
        ++bracketed_;
    }
    const bool target = run.lb == "spray_perm" && run.speed == 0.5;
    groups_.add(
        fmt::format("{} {}, one link at {:g}, {}{}", run.lb == "spray_perm" ? "spray" : run.lb,
                    ratio_text(run), run.speed, pattern_text(run),
                    run.speed > 0 && run.pattern.starts_with("perm") ? " (fit)" : ""),
        "completion", bound("{type: spray, shares: blended}", true) / run.time_s - 1,
        target ? Target{0.15, 0.15, {}} : Target{});
  }

  /// Mean over hash seeds of a case against the mean over random assignments.
  void compare_distributions() {
    std::map<std::string, std::vector<const NetworkRun*>> cases;
    for (const auto& run : runs_.runs())
      if ((run.lb == "ecmp_single" || run.lb == "split_ecmp") && run.speed == 1 && run.complete &&
          !run.pattern.starts_with("moe"))
        cases[fmt::format("{} {} {} {}", run.topology, run.pattern, run.message_bytes, run.split)]
            .push_back(&run);
    for (const auto& [_, members] : cases) {
      const auto& run = *members.front();
      const auto flows = runs_.traffic(run);
      if (members.size() < 5 || !flows) continue;
      const auto& network = runs_.network(run);
      auto times =
          predict_hashed(network, run, *flows, run.oversubscription > 1 && !small(run), kSeeds);
      std::ranges::sort(times);
      const double mean = std::accumulate(times.begin(), times.end(), 0.0) / kSeeds;
      double measured = 0;
      for (const auto* member : members) {
        measured += member->time_s / static_cast<double>(members.size());
        ++runs_hashed_;
        if (member->time_s >= times.front() && member->time_s <= times.back()) ++runs_covered_;
      }
      ++hashed_;
      if (measured >= times[kSeeds / 20] && measured <= times[kSeeds - kSeeds / 20 - 1])
        ++mean_covered_;
      groups_.add(fmt::format("random assignments {}", ratio_text(run)), "mean over seeds",
                  mean / measured - 1, {});
    }
  }

  void leave_out(const char* why) { ++left_out_[why]; }

  NetworkRuns runs_;
  Groups groups_;
  std::map<std::string, std::size_t> left_out_;
  std::size_t degraded_ = 0, bracketed_ = 0;
  std::size_t hashed_ = 0, mean_covered_ = 0, runs_hashed_ = 0, runs_covered_ = 0;
};

}  // namespace

NetworkAccuracy network_accuracy(const std::string& reference_folder) {
  return Comparison(reference_folder + "/network").run();
}

}  // namespace moesim
