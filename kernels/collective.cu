// collective over the CUDA GPUs of this machine, with NCCL. One process, one thread a GPU, as NCCL
// advises; a rank that fails aborts its communicator, and the others, which would wait for it for
// ever, see that and do the same.

#include <cuda_bf16.h>
#include <nccl.h>

#include <memory>

#include "kernels/collective.hpp"
#include "kernels/gpu.cuh"
#include "kernels/rank_team.hpp"

namespace moesim::kernels {

/// Beside those of gpu.cuh, so that each finds its own.
inline void check(ncclResult_t status, const std::string& what) {
  if (status != ncclSuccess) throw std::runtime_error(what + ": " + ncclGetErrorString(status));
}

namespace {

__global__ void fill_kernel(__nv_bfloat16* out, std::size_t size, std::size_t rank) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += stride)
    out[i] = __float2bfloat16(rank_value(rank, i));
}

/// What one GPU owns. Made and used with that GPU as the current one.
struct Rank {
  Stream stream;
  DeviceArray<__nv_bfloat16> send, receive;
  std::size_t receive_elements = 0;
};

/// A communicator for every rank. One that was aborted is gone already.
class Communicators {
 public:
  explicit Communicators(std::size_t ranks) : handles_(ranks, nullptr) {
    std::vector<int> devices;
    for (std::size_t rank = 0; rank < ranks; ++rank) devices.push_back(static_cast<int>(rank));
    check(ncclCommInitAll(handles_.data(), static_cast<int>(ranks), devices.data()),
          "cannot start NCCL");
  }
  Communicators(const Communicators&) = delete;
  Communicators& operator=(const Communicators&) = delete;
  ~Communicators() {
    for (ncclComm_t handle : handles_)
      if (handle != nullptr) ncclCommDestroy(handle);
  }
  ncclComm_t operator[](std::size_t rank) const { return handles_[rank]; }
  void abort(std::size_t rank) {
    if (handles_[rank] != nullptr) ncclCommAbort(handles_[rank]);
    handles_[rank] = nullptr;
  }

 private:
  std::vector<ncclComm_t> handles_;
};

class CollectiveGpu final : public CollectiveDevice {
 public:
  CollectiveGpu() {
    name_ = open_device().name;
    int devices = 0;
    check(cudaGetDeviceCount(&devices), "cannot count the devices");
    devices_ = static_cast<std::size_t>(devices);
  }

  std::string name() const override { return name_; }
  std::string library(Collective kind) const override {
    if (kind == Collective::kPeerCopy) return cuda_version();
    int version = 0;
    check(ncclGetVersion(&version), "NCCL does not tell its version");
    return "NCCL " + std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) +
           "." + std::to_string(version % 100);
  }
  std::string dtype() const override { return "bf16"; }
  std::size_t element_bytes() const override { return sizeof(__nv_bfloat16); }
  std::size_t most_ranks() const override { return devices_; }
  std::size_t largest_bytes() const override { return 1024 * kMiB; }

  /// Of the GPU with least; a gigabyte stays for NCCL's own buffers.
  std::size_t memory_bytes() const override {
    std::size_t least = ~std::size_t{0};
    for (std::size_t device = 0; device < devices_; ++device) {
      use(device);
      std::size_t free_bytes = 0, total_bytes = 0;
      check(cudaMemGetInfo(&free_bytes, &total_bytes), "cannot query the memory");
      least = std::min(least, free_bytes / 10 * 9);
    }
    return least > 1024 * kMiB ? least - 1024 * kMiB : 0;
  }

  TimingPolicy policy(bool short_mode) const override {
    return short_mode ? short_policy() : TimingPolicy{};
  }

  void prepare(std::size_t ranks, const BufferSizes& elements) override {
    team_.reset();
    communicators_.reset();
    ranks_.clear();
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      use(rank);
      reach_peers(rank, ranks);
      ranks_.push_back(std::make_unique<Rank>());
      Rank& own = *ranks_.back();
      own.send = allocate<__nv_bfloat16>(elements.send);
      own.receive = allocate<__nv_bfloat16>(elements.receive);
      own.receive_elements = elements.receive;
      fill_kernel<<<1024, kThreads, 0, own.stream.handle>>>(own.send.get(), elements.send, rank);
      check(cudaGetLastError(), "cannot launch");
      check(cudaStreamSynchronize(own.stream.handle), "filling a buffer failed");
    }
    communicators_ = std::make_unique<Communicators>(ranks);
    // A GPU that cannot be made current shows in the first call of the work.
    team_ = std::make_unique<RankTeam>(
        ranks, [](std::size_t rank) { static_cast<void>(cudaSetDevice(static_cast<int>(rank))); });
  }

  void clear() override {
    for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
      use(rank);
      Rank& own = *ranks_[rank];
      check(cudaMemsetAsync(own.receive.get(), 0, own.receive_elements * sizeof(__nv_bfloat16),
                            own.stream.handle),
            "cannot clear a buffer");
      check(cudaStreamSynchronize(own.stream.handle), "clearing a buffer failed");
    }
  }

  double run(const CollectivePoint& point, std::size_t repeats) override {
    const std::size_t elements = point.bytes / sizeof(__nv_bfloat16);
    const std::vector<std::size_t> shares = shares_of(elements, point.ranks, point.skew);
    return team_->run([&](std::size_t rank) {
      try {
        for (std::size_t i = 0; i < repeats; ++i) once(point, elements, shares, rank);
        wait(rank);
      } catch (...) {
        communicators_->abort(rank);
        throw;
      }
    });
  }

  std::vector<float> received(std::size_t rank, std::size_t elements) override {
    use(rank);
    std::vector<__nv_bfloat16> found(elements);
    check(cudaMemcpy(found.data(), ranks_[rank]->receive.get(), elements * sizeof(__nv_bfloat16),
                     cudaMemcpyDeviceToHost),
          "cannot fetch a buffer");
    std::vector<float> values;
    for (const __nv_bfloat16 value : found) values.push_back(__bfloat162float(value));
    return values;
  }

 private:
  static void use(std::size_t device) {
    check(cudaSetDevice(static_cast<int>(device)), "cannot use a CUDA device");
  }

  /// Without peer access, copies between GPUs go through the host; that is then what is measured.
  static void reach_peers(std::size_t rank, std::size_t ranks) {
    for (std::size_t peer = 0; peer < ranks; ++peer) {
      int reaches = 0;
      if (peer == rank) continue;
      check(cudaDeviceCanAccessPeer(&reaches, static_cast<int>(rank), static_cast<int>(peer)),
            "cannot query peer access");
      if (reaches == 0) continue;
      const cudaError_t status = cudaDeviceEnablePeerAccess(static_cast<int>(peer), 0);
      if (status == cudaErrorPeerAccessAlreadyEnabled)
        static_cast<void>(cudaGetLastError());  // not an error here, so it must not stay
      else
        check(status, "cannot enable peer access");
    }
  }

  void once(const CollectivePoint& point, std::size_t elements,
            const std::vector<std::size_t>& shares, std::size_t rank) {
    const Rank& own = *ranks_[rank];
    const __nv_bfloat16* send = own.send.get();
    __nv_bfloat16* receive = own.receive.get();
    const ncclComm_t group = (*communicators_)[rank];
    const cudaStream_t stream = own.stream.handle;
    const std::size_t part = elements / point.ranks;
    switch (point.kind) {
      case Collective::kPeerCopy:
        if (rank == point.source)
          check(cudaMemcpyPeerAsync(ranks_[point.target]->receive.get(),
                                    static_cast<int>(point.target), send,
                                    static_cast<int>(point.source), point.bytes, stream),
                "cannot enqueue a copy between GPUs");
        return;
      case Collective::kAllReduce:
        return check(ncclAllReduce(send, receive, elements, ncclBfloat16, ncclSum, group, stream),
                     "cannot enqueue all_reduce");
      case Collective::kAllGather:
        return check(ncclAllGather(send, receive, part, ncclBfloat16, group, stream),
                     "cannot enqueue all_gather");
      case Collective::kReduceScatter:
        return check(ncclReduceScatter(send, receive, part, ncclBfloat16, ncclSum, group, stream),
                     "cannot enqueue reduce_scatter");
      case Collective::kAllToAll:
#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 28, 0)
        return check(ncclAlltoAll(send, receive, part, ncclBfloat16, group, stream),
                     "cannot enqueue all_to_all");
#else
        return exchange(std::vector<std::size_t>(point.ranks, part), rank);
#endif
      case Collective::kAllToAllV:
        return exchange(shares, rank);
    }
  }

  /// Every rank sends rank d shares[d] elements.
  void exchange(const std::vector<std::size_t>& shares, std::size_t rank) {
    const Rank& own = *ranks_[rank];
    const ncclComm_t group = (*communicators_)[rank];
    const std::string what = "cannot enqueue all_to_all_v";
    check(ncclGroupStart(), what);
    std::size_t sent = 0;
    for (std::size_t peer = 0; peer < shares.size(); ++peer) {
      check(ncclSend(own.send.get() + sent, shares[peer], ncclBfloat16, static_cast<int>(peer),
                     group, own.stream.handle),
            what);
      check(ncclRecv(own.receive.get() + peer * shares[rank], shares[rank], ncclBfloat16,
                     static_cast<int>(peer), group, own.stream.handle),
            what);
      sent += shares[peer];
    }
    check(ncclGroupEnd(), what);
  }

  /// Until the rank's stream is empty, looking out for errors that would leave it waiting.
  void wait(std::size_t rank) {
    while (true) {
      const cudaError_t status = cudaStreamQuery(ranks_[rank]->stream.handle);
      if (status == cudaSuccess) return;
      if (status != cudaErrorNotReady) check(status, "a collective failed");
      ncclResult_t async = ncclSuccess;
      check(ncclCommGetAsyncError((*communicators_)[rank], &async), "NCCL does not answer");
      if (async != ncclInProgress) check(async, "a collective failed");
      if (team_->failed()) throw std::runtime_error("another rank failed");
    }
  }

  std::string name_;
  std::size_t devices_ = 0;
  std::vector<std::unique_ptr<Rank>> ranks_;
  std::unique_ptr<Communicators> communicators_;
  std::unique_ptr<RankTeam> team_;  // last: its threads use the above
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_main(argc, argv, [](const Options& options, std::ostream& out) {
    CollectiveGpu gpus;
    if (gpus.most_ranks() < 2)
      std::cerr << "collective: one CUDA device is not enough, nothing is measured\n";
    run_collective(gpus, options, out);
  });
}
