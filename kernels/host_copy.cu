// host_copy between the host and one CUDA GPU. A pass is timed by a pair of events on one stream;
// the other streams start behind the first event and are waited for before the second.

#include <cstring>

#include "kernels/gpu_bench.cuh"
#include "kernels/host_copy.hpp"
#include "kernels/proc_file.hpp"

namespace moesim::kernels {
namespace {

struct HostFree {
  void operator()(void* memory) const { cudaFreeHost(memory); }
};
using PinnedWords = std::unique_ptr<std::uint64_t, HostFree>;

PinnedWords pin(std::size_t bytes) {
  void* memory = nullptr;
  check(cudaHostAlloc(&memory, bytes, cudaHostAllocDefault),
        "cannot pin " + std::to_string(bytes) + " bytes of the host");
  return PinnedWords(static_cast<std::uint64_t*>(memory));
}

/// The host's two pools of one kind of memory.
struct HostPools {
  const std::uint64_t* source = nullptr;
  std::uint64_t* target = nullptr;
};

class CopyGpu final : public RotatingOnGpu<CopyDevice> {
 public:
  bool has_link() const override { return true; }
  bool has_batch() const override { return CUDART_VERSION >= 13000; }

  /// Two pools on the device; on the host two pinned and two pageable ones in half of what is free.
  std::size_t memory_bytes() const override {
    std::size_t free_bytes = 0, total_bytes = 0;
    check(cudaMemGetInfo(&free_bytes, &total_bytes), "cannot query the memory");
    const std::string available = field_of_file("/proc/meminfo", "MemAvailable:");  // "12345 kB"
    const std::size_t host = available.empty() ? 1024 * kMiB : std::stoull(available) * 1024 / 8;
    return std::min(free_bytes / 20 * 9, host);
  }

  void prepare(std::size_t pool_bytes) override {
    pool_bytes_ = pool_bytes;
    const std::size_t words = pool_bytes / 8;
    pinned_source_.reset();
    pinned_target_.reset();
    pinned_source_ = pin(pool_bytes);
    pinned_target_ = pin(pool_bytes);
    fill(pinned_source_.get(), words, kHostSeed);
    std::memset(pinned_target_.get(), 0, pool_bytes);
    pageable_source_.resize(words);
    fill(pageable_source_.data(), words, kHostSeed);
    pageable_target_.assign(words, kUntouched);
    source_.reset();
    target_.reset();
    source_ = allocate<std::uint64_t>(words);
    target_ = allocate<std::uint64_t>(words);
    check(cudaMemsetAsync(target_.get(), 0, pool_bytes, gpu_.stream()), "cannot clear the target");
    // Through the pinned target, which is cleared again: the device needs no kernel of its own.
    fill(pinned_target_.get(), words, kDeviceSeed);
    check(cudaMemcpyAsync(source_.get(), pinned_target_.get(), pool_bytes, cudaMemcpyHostToDevice,
                          gpu_.stream()),
          "cannot fill the device");
    check(cudaStreamSynchronize(gpu_.stream()), "filling the pools failed");
    std::memset(pinned_target_.get(), 0, pool_bytes);
  }

  void run(const CopyPoint& point, const std::vector<Piece>& pieces) override {
    const std::size_t directions = point.direction == Direction::kBoth ? 2 : 1;
    const std::size_t lanes = directions * point.streams;
    if (lanes > 1) record(fork_, gpu_.stream());
    for (std::size_t lane = 1; lane < lanes; ++lane)
      check(cudaStreamWaitEvent(stream(lane), fork_.handle, 0), "cannot wait for an event");
    for (std::size_t way = 0; way < directions; ++way) {
      const bool to_device = way == 1 || point.direction == Direction::kToDevice;
      enqueue(point, pieces, to_device, way * point.streams);
    }
    for (std::size_t lane = 1; lane < lanes; ++lane) {
      record(joins_[lane], stream(lane));
      check(cudaStreamWaitEvent(gpu_.stream(), joins_[lane].handle, 0), "cannot wait for an event");
    }
  }

  std::vector<std::uint64_t> target(Direction direction, HostMemory memory) override {
    check(cudaStreamSynchronize(gpu_.stream()), "a copy failed");
    const std::size_t words = pool_bytes_ / 8;
    if (direction == Direction::kToHost) {
      const std::uint64_t* found = pools(memory).target;
      return {found, found + words};
    }
    std::vector<std::uint64_t> found(words);
    check(cudaMemcpy(found.data(), target_.get(), pool_bytes_, cudaMemcpyDeviceToHost),
          "cannot fetch the target");
    return found;
  }

  Sampler sampler(const CopyPoint& point, const std::vector<std::vector<Piece>>& pieces) override {
    return {"event", 1, [this, point, pieces, set = std::size_t{0}]() mutable {
              record(start_, gpu_.stream());
              run(point, pieces[set]);
              record(stop_, gpu_.stream());
              check(cudaEventSynchronize(stop_.handle), "a copy failed");
              set = (set + 1) % pieces.size();
              return seconds_between(start_, stop_);
            }};
  }

 private:
  static constexpr std::size_t kLanes = 8;  // two directions of four streams

  static void fill(std::uint64_t* words, std::size_t count, std::uint64_t seed) {
    for (std::size_t i = 0; i < count; ++i) words[i] = copied_word(i, seed);
  }

  cudaStream_t stream(std::size_t lane) const {
    return lane == 0 ? gpu_.stream() : streams_[lane].handle;
  }

  HostPools pools(HostMemory memory) {
    if (memory == HostMemory::kPinned) return {pinned_source_.get(), pinned_target_.get()};
    return {pageable_source_.data(), pageable_target_.data()};
  }

  void enqueue(const CopyPoint& point, const std::vector<Piece>& pieces, bool to_device,
               std::size_t first_lane) {
    const HostPools host = pools(point.memory);
    targets_.clear();
    sources_.clear();
    sizes_.clear();
    for (const Piece& piece : pieces) {
      if (piece.host + piece.bytes > pool_bytes_ || piece.device + piece.bytes > pool_bytes_)
        throw std::logic_error("a copy reaches beyond its pool");
      targets_.push_back(to_device ? target_.get() + piece.device / 8
                                   : host.target + piece.host / 8);
      sources_.push_back(to_device ? host.source + piece.host / 8
                                   : source_.get() + piece.device / 8);
      sizes_.push_back(piece.bytes);
    }
    if (point.method == CopyMethod::kBatch) return batch(stream(first_lane));
    for (std::size_t i = 0; i < pieces.size(); ++i)
      check(cudaMemcpyAsync(targets_[i], sources_[i], sizes_[i],
                            to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost,
                            stream(first_lane + i % point.streams)),
            "cannot enqueue a copy");
  }

  void batch([[maybe_unused]] cudaStream_t on) {
#if CUDART_VERSION >= 13000  // 12.8 had the call with another signature
    cudaMemcpyAttributes attributes{};
    attributes.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
    std::size_t first = 0;
    check(cudaMemcpyBatchAsync(targets_.data(), sources_.data(), sizes_.data(), sizes_.size(),
                               &attributes, &first, 1, on),
          "cannot enqueue a batch of copies");
#else
    throw std::logic_error("this toolkit has no batch of copies");
#endif
  }

  Stream streams_[kLanes];
  Event start_, stop_, fork_, joins_[kLanes];
  std::size_t pool_bytes_ = 0;
  PinnedWords pinned_source_, pinned_target_;
  std::vector<std::uint64_t> pageable_source_, pageable_target_;
  DeviceArray<std::uint64_t> source_, target_;
  std::vector<void*> targets_;
  std::vector<const void*> sources_;
  std::vector<std::size_t> sizes_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<CopyGpu>(argc, argv, run_host_copy);
}
