// ep_layer on CPU threads, one per rank, of the pieces that the other twins measure (moe_cpu.hpp).
// A rank pulls the rows that its experts were sent out of the senders' memory, and later its own
// results out of the experts' ranks.

#include <Eigen/Core>
#include <array>
#include <barrier>
#include <cstring>
#include <memory>

#include "kernels/cpu_cores.hpp"
#include "kernels/cpu_device.hpp"
#include "kernels/ep_layer.hpp"
#include "kernels/moe_cpu.hpp"
#include "kernels/rank_team.hpp"

namespace moesim::kernels {
namespace {

/// One rank: its tokens, where they go, and what its experts are given.
struct Rank {
  std::vector<float> x, rows, returned, y;  ///< of its own tokens
  std::vector<float> in, out;               ///< of its experts, by expert and then by source rank
  std::vector<int> begin;                   ///< [local expert][source] row of `in`, and the end
  std::unique_ptr<CpuRouting> routing;
  std::unique_ptr<CpuPermutation> permutation;
  CpuFfnScratch scratch{0, 0};
  std::array<double, 3> busy_s{};  ///< until the first barrier, until the second, behind it
};

class ParallelCpu final : public ParallelLayerDevice {
 public:
  std::string name() const override { return cpu_name(); }
  std::string library() const override { return "threads, " + eigen_library(); }
  std::size_t most_ranks() const override { return 2; }

  SentRows prepare(const ParallelLayerPoint& point, std::uint64_t seed) override {
    const MoeShape& shape = point.shape;
    router_.resize(shape.experts * shape.hidden);
    for (std::size_t i = 0; i < router_.size(); ++i)
      router_[i] = router_value(i, shape.hidden, seed);
    bias_ = log_popularity(shape.experts, point.skew, seed + 3);
    const std::size_t elements = shape.experts * shape.expert_elements();
    sets_ = sets_to_rotate(std::min(2 * cpu_cache_bytes(), 64 * kMiB), elements * sizeof(float));
    weights_ = pool_.reserve(sets_ * elements, seed);
    set_ = 0;
    const std::size_t all = point.ranks * point.tokens, width = point.tokens * shape.hidden;
    ranks_ = std::vector<Rank>(point.ranks);
    SentRows sent(point.ranks, std::vector<int>(shape.experts, 0));
    for (std::size_t r = 0; r < point.ranks; ++r) {
      Rank& rank = ranks_[r];
      rank.x.resize(width);
      for (std::size_t i = 0; i < width; ++i) rank.x[i] = input_value(r * width + i, seed);
      rank.y.assign(width, 0);
      rank.rows.assign(width * shape.topk, 0);
      rank.returned = rank.rows;
      rank.in.assign(all * shape.topk * shape.hidden, 0);
      rank.out = rank.in;
      rank.begin.assign(shape.experts / point.ranks * point.ranks + 1, 0);
      rank.routing = std::make_unique<CpuRouting>(point.rule(), point.tokens);
      rank.permutation = std::make_unique<CpuPermutation>(shape.experts, point.tokens * shape.topk);
      rank.scratch = CpuFfnScratch(shape.intermediate, all * shape.topk);
      route(point, rank);
      for (const int id : rank.routing->ids) ++sent[r][static_cast<std::size_t>(id)];
    }
    barrier_ = std::make_unique<std::barrier<>>(static_cast<std::ptrdiff_t>(point.ranks));
    const std::vector<int> cores = usable_cores();
    team_ = std::make_unique<RankTeam>(point.ranks, [cores](std::size_t rank) {
      if (!cores.empty()) pin_this_thread(cores[rank % cores.size()]);
    });
    return sent;
  }

  ParallelTime run(const ParallelLayerPoint& point) override {
    set_ = (set_ + 1) % sets_;
    ParallelTime time;
    time.wall_s = team_->run([&](std::size_t rank) { pass(point, rank); });
    for (std::size_t phase = 0; phase < 3; ++phase) {
      double slowest_s = 0;
      for (const Rank& rank : ranks_) slowest_s = std::max(slowest_s, rank.busy_s[phase]);
      time.critical_s += slowest_s;
    }
    return time;
  }

  std::vector<float> result(const ParallelLayerPoint&) const override {
    std::vector<float> all;
    for (const Rank& rank : ranks_) all.insert(all.end(), rank.y.begin(), rank.y.end());
    return all;
  }

  std::vector<float> whole(const ParallelLayerPoint& point) override {
    const MoeShape& shape = point.shape;
    const std::size_t tokens = point.ranks * point.tokens, h = shape.hidden;
    std::vector<float> x, rows(tokens * shape.topk * h), out(rows.size()), y(tokens * h);
    for (const Rank& rank : ranks_) x.insert(x.end(), rank.x.begin(), rank.x.end());
    CpuRouting routing(point.rule(), tokens);
    CpuPermutation permutation(shape.experts, tokens * shape.topk);
    CpuFfnScratch scratch(shape.intermediate, tokens * shape.topk);
    cpu_route(point.rule(), h, tokens, router_.data(), bias_.data(), x.data(), routing);
    cpu_permute(h, shape.topk, routing.ids, x.data(), permutation, rows.data());
    for (std::size_t e = 0; e < shape.experts; ++e)
      if (permutation.offsets[e] != permutation.offsets[e + 1])
        cpu_ffn(shape, expert(shape, e),
                rows.data() + static_cast<std::size_t>(permutation.offsets[e]) * h,
                static_cast<std::size_t>(permutation.offsets[e + 1] - permutation.offsets[e]),
                scratch, out.data() + static_cast<std::size_t>(permutation.offsets[e]) * h);
    cpu_unpermute(h, shape.topk, routing.weights, permutation, out.data(), y.data());
    return y;
  }

 private:
  const float* expert(const MoeShape& shape, std::size_t e) const {
    return weights_ + (set_ * shape.experts + e) * shape.expert_elements();
  }

  void route(const ParallelLayerPoint& point, Rank& rank) {
    cpu_route(point.rule(), point.shape.hidden, point.tokens, router_.data(), bias_.data(),
              rank.x.data(), *rank.routing);
  }

  void pass(const ParallelLayerPoint& point, std::size_t r) {
    const MoeShape& shape = point.shape;
    Rank& rank = ranks_[r];
    double begin_s = thread_seconds();
    const auto phase_ends = [&](std::size_t phase) {
      rank.busy_s[phase] = thread_seconds() - begin_s;
      if (phase == 2) return;
      barrier_->arrive_and_wait();
      begin_s = thread_seconds();
    };
    route(point, rank);
    cpu_permute(shape.hidden, shape.topk, rank.routing->ids, rank.x.data(), *rank.permutation,
                rank.rows.data());
    phase_ends(0);
    exchange(point, r, true);
    const std::size_t local = shape.experts / point.ranks;
    for (std::size_t e = 0; e < local; ++e) {
      const auto first = static_cast<std::size_t>(rank.begin[e * point.ranks]);
      const auto end = static_cast<std::size_t>(rank.begin[(e + 1) * point.ranks]);
      if (first != end)
        cpu_ffn(shape, expert(shape, r * local + e), rank.in.data() + first * shape.hidden,
                end - first, rank.scratch, rank.out.data() + first * shape.hidden);
    }
    phase_ends(1);
    exchange(point, r, false);
    cpu_unpermute(shape.hidden, shape.topk, rank.routing->weights, *rank.permutation,
                  rank.returned.data(), rank.y.data());
    phase_ends(2);
  }

  /// Dispatch: the rows of this rank's experts, from every rank. Combine: the results of this
  /// rank's rows, from the ranks of their experts.
  void exchange(const ParallelLayerPoint& point, std::size_t r, bool dispatch) {
    const std::size_t local = point.shape.experts / point.ranks;
    Rank& own = ranks_[r];
    std::size_t next = 0;
    for (std::size_t i = 0; i < local; ++i)
      for (std::size_t other = 0; other < point.ranks; ++other) {
        const std::size_t e = (dispatch ? r : other) * local + i;
        const std::vector<int>& offsets = ranks_[dispatch ? other : r].permutation->offsets;
        const auto first = static_cast<std::size_t>(offsets[e]);
        const auto count = static_cast<std::size_t>(offsets[e + 1]) - first;
        if (dispatch) {
          own.begin[i * point.ranks + other] = static_cast<int>(next);
          copy(point, own.in, next, ranks_[other].rows, first, count);
          next += count;
        } else {
          const auto there = static_cast<std::size_t>(ranks_[other].begin[i * point.ranks + r]);
          copy(point, own.returned, first, ranks_[other].out, there, count);
        }
      }
    if (dispatch) own.begin[local * point.ranks] = static_cast<int>(next);
  }

  static void copy(const ParallelLayerPoint& point, std::vector<float>& to, std::size_t row,
                   const std::vector<float>& from, std::size_t first, std::size_t count) {
    const std::size_t h = point.shape.hidden;
    std::memcpy(to.data() + row * h, from.data() + first * h, count * h * sizeof(float));
  }

  CpuExpertPool pool_;
  const float* weights_ = nullptr;
  std::size_t sets_ = 1, set_ = 0;
  std::vector<float> router_, bias_;
  std::vector<Rank> ranks_;
  std::unique_ptr<std::barrier<>> barrier_;
  std::unique_ptr<RankTeam> team_;  // last: its threads use the above
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<ParallelCpu>(argc, argv, run_ep_layer, prepare_ranks);
}
