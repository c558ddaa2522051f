// collective on the CPU: two threads are the ranks, their heap is the memory they exchange. Every
// rank pulls what it is owed out of the others' send buffers; a barrier ends each operation.

#include <barrier>
#include <cstring>
#include <memory>

#include "kernels/collective.hpp"
#include "kernels/cpu_cores.hpp"
#include "kernels/cpu_device.hpp"
#include "kernels/rank_team.hpp"

namespace moesim::kernels {
namespace {

using Floats = Eigen::Map<Eigen::ArrayXf>;

class CollectiveCpu final : public CollectiveDevice {
 public:
  std::string name() const override { return cpu_name(); }
  std::string library(Collective) const override { return "threads, " + eigen_library(); }
  std::string dtype() const override { return "fp32"; }
  std::size_t element_bytes() const override { return sizeof(float); }
  std::size_t most_ranks() const override { return 2; }
  std::size_t largest_bytes() const override { return 16 * kMiB; }
  std::size_t memory_bytes() const override { return cpu_memory_bytes() / most_ranks(); }

  /// Ranks that wait for each other on shared cores are never as steady as one thread.
  TimingPolicy policy(bool short_mode) const override {
    TimingPolicy policy = short_mode ? short_policy() : TimingPolicy{};
    policy.noisy_cv = cpu_policy(short_mode).noisy_cv;
    if (!short_mode) policy.sampling_s = 0.040;
    return policy;
  }

  void prepare(std::size_t ranks, const BufferSizes& elements) override {
    const std::vector<int> cores = usable_cores();
    team_ = std::make_unique<RankTeam>(ranks, [cores](std::size_t rank) {
      if (!cores.empty()) pin_this_thread(cores[rank % cores.size()]);
    });
    barrier_ = std::make_unique<std::barrier<>>(static_cast<std::ptrdiff_t>(ranks));
    send_.assign(ranks, std::vector<float>(elements.send));
    receive_.assign(ranks, std::vector<float>(elements.receive));
    for (std::size_t rank = 0; rank < ranks; ++rank)
      for (std::size_t i = 0; i < elements.send; ++i) send_[rank][i] = rank_value(rank, i);
  }

  void clear() override {
    for (std::vector<float>& buffer : receive_) std::fill(buffer.begin(), buffer.end(), 0.0F);
  }

  double run(const CollectivePoint& point, std::size_t repeats) override {
    shares_ = shares_of(point.bytes / sizeof(float), point.ranks, point.skew);
    return team_->run([&](std::size_t rank) {
      for (std::size_t i = 0; i < repeats; ++i) {
        once(point, rank);
        barrier_->arrive_and_wait();
      }
    });
  }

  std::vector<float> received(std::size_t rank, std::size_t elements) override {
    const auto begin = receive_[rank].begin();
    return {begin, begin + static_cast<std::ptrdiff_t>(elements)};
  }

 private:
  void once(const CollectivePoint& point, std::size_t rank) {
    const std::size_t elements = point.bytes / sizeof(float), part = elements / point.ranks;
    float* const own = receive_[rank].data();
    switch (point.kind) {
      case Collective::kPeerCopy:
        if (rank == point.source) copy(receive_[point.target].data(), send_[rank].data(), elements);
        return;
      case Collective::kAllGather:
        for (std::size_t from = 0; from < point.ranks; ++from)
          copy(own + from * part, send_[from].data(), part);
        return;
      case Collective::kAllToAll:
        for (std::size_t from = 0; from < point.ranks; ++from)
          copy(own + from * part, send_[from].data() + rank * part, part);
        return;
      case Collective::kAllToAllV: {
        std::size_t before = 0;
        for (std::size_t d = 0; d < rank; ++d) before += shares_[d];
        for (std::size_t from = 0; from < point.ranks; ++from)
          copy(own + from * shares_[rank], send_[from].data() + before, shares_[rank]);
        return;
      }
      case Collective::kReduceScatter:
        return sum(own, rank * part, part, point.ranks);
      case Collective::kAllReduce:
        sum(own + rank * part, rank * part, part, point.ranks);
        barrier_->arrive_and_wait();
        for (std::size_t from = 0; from < point.ranks; ++from)
          if (from != rank) copy(own + from * part, receive_[from].data() + from * part, part);
        return;
    }
  }

  static void copy(float* to, const float* from, std::size_t count) {
    std::memcpy(to, from, count * sizeof(float));
  }

  /// `count` sums over the ranks' send buffers from element `first` on.
  void sum(float* to, std::size_t first, std::size_t count, std::size_t ranks) {
    const auto size = static_cast<Eigen::Index>(count);
    Floats total(to, size);
    total = Floats(send_[0].data() + first, size) + Floats(send_[1].data() + first, size);
    for (std::size_t from = 2; from < ranks; ++from)
      total += Floats(send_[from].data() + first, size);
  }

  std::vector<std::vector<float>> send_, receive_;
  std::vector<std::size_t> shares_;
  std::unique_ptr<std::barrier<>> barrier_;
  std::unique_ptr<RankTeam> team_;  // last: its threads use the above
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<CollectiveCpu>(argc, argv, run_collective, prepare_ranks);
}
