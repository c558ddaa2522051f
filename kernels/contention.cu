// contention on one CUDA GPU: a cuBLASLt product on one stream, copies between pinned host memory
// and the device on another. What is timed runs between two events, after the other work has begun
// and before it ends; a sample that the other work did not outlast is thrown away and repeated with
// more of it.

#include <algorithm>
#include <map>
#include <memory>

#include "kernels/contention.hpp"
#include "kernels/dense_gemm.cuh"

namespace moesim::kernels {
namespace {

constexpr std::size_t kPoolBytes = 128 * kMiB;
constexpr double kSample_s = 1e-3;  // what is timed lasts about this long

/// Pinned host memory and device memory that copies go round in.
class CopyPools {
 public:
  CopyPools() {
    void* memory = nullptr;
    check(cudaHostAlloc(&memory, kPoolBytes, cudaHostAllocDefault), "cannot pin host memory");
    host_.reset(static_cast<std::uint8_t*>(memory));
    device_ = allocate<std::uint8_t>(kPoolBytes);
  }

  /// Fills the host's pool, sends it to the device and back, and compares. Both are full after it.
  void check_round_trip(cudaStream_t stream) {
    auto* words = reinterpret_cast<std::uint32_t*>(host_.get());
    const auto value = [](std::size_t i) {
      return static_cast<std::uint32_t>(i) * 2654435761U + 1;
    };
    for (std::size_t i = 0; i < kPoolBytes / 4; ++i) words[i] = value(i);
    copy(true, kPoolBytes, 0, stream);
    check(cudaStreamSynchronize(stream), "a copy failed");
    std::fill(words, words + kPoolBytes / 4, 0U);
    copy(false, kPoolBytes, 0, stream);
    check(cudaStreamSynchronize(stream), "a copy failed");
    for (std::size_t i = 0; i < kPoolBytes / 4; ++i)
      if (words[i] != value(i))
        throw std::runtime_error("contention: wrong result of a copy at word " + std::to_string(i));
  }

  void copy(bool to_device, std::size_t bytes, std::size_t turn, cudaStream_t stream) {
    const std::size_t offset = turn % (kPoolBytes / bytes) * bytes;
    std::uint8_t *host = host_.get() + offset, *device = device_.get() + offset;
    check(to_device ? cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream)
                    : cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream),
          "cannot enqueue a copy");
  }

 private:
  struct HostFree {
    void operator()(void* memory) const { cudaFreeHost(memory); }
  };
  std::unique_ptr<std::uint8_t, HostFree> host_;
  DeviceArray<std::uint8_t> device_;
};

class ContentionGpu final : public ContentionDevice {
 public:
  ContentionGpu() { pools_.check_round_trip(gpu_.stream()); }

  std::string name() const override { return gpu_.properties().name; }
  std::string library() const override { return cublas_library("cublasLt"); }
  std::string dtype() const override { return "bf16"; }
  bool hot() const override { return false; }
  /// Weights of 302 MB: more than twice the cache of any GPU so far (126 MB on a B200).
  std::vector<GemmShape> shapes(bool short_mode) const override {
    if (short_mode) return {{16, 12288, 12288}};
    return {{16, 12288, 12288}, {4096, 12288, 12288}};
  }
  std::vector<std::string> copy_kinds() const override {
    return {"gemm_during_h2d", "gemm_during_d2h", "h2d_during_gemm", "d2h_during_gemm"};
  }
  std::vector<std::size_t> copy_bytes(bool short_mode) const override {
    if (short_mode) return {kMiB};
    return {kMiB, 64 * kMiB};
  }
  int sm_count() const override { return gpu_.properties().multiProcessorCount; }
  bool can_limit_sms() const override { return true; }

  void prepare(const ContentionPoint& point) override {
    check(cudaDeviceSynchronize(), "the work before failed");
    point_ = point;
    limited_.reset();
    std::unique_ptr<DenseGemm>& whole = gemms_[point.shape.m];
    if (whole == nullptr) whole = checked(point.shape, 0);
    gemm_ = whole.get();
    if (point.kind == "gemm_on_sms") limited_ = checked(point.shape, point.sm_count);
  }

  Sampler alone() override {
    // From here on the time of a single one is known, which contended() needs.
    gemm_s_ = pilot([this] { enqueue(true, 1, gpu_.stream()); });
    if (point_.bytes > 0) copy_s_ = pilot([this] { enqueue(false, 1, gpu_.stream()); });
    const bool gemm = times_gemm();
    const std::size_t repeats = repeats_of(gemm ? gemm_s_ : copy_s_);
    return {"event", repeats, [this, gemm, repeats] {
              return timed([&] { enqueue(gemm, repeats, gpu_.stream()); }) /
                     static_cast<double>(repeats);
            }};
  }

  Sampler contended() override {
    if (limited_ != nullptr) {
      const std::size_t repeats = repeats_of(gemm_s_);
      return {"event", repeats, [this, repeats] {
                return timed([&] {
                         for (std::size_t i = 0; i < repeats; ++i) limited_->run(gpu_.stream());
                       }) /
                       static_cast<double>(repeats);
              }};
    }
    const bool gemm = times_gemm();
    const std::size_t repeats = repeats_of(gemm ? gemm_s_ : copy_s_);
    const double timed_s = static_cast<double>(repeats) * (gemm ? gemm_s_ : copy_s_);
    const auto loads = static_cast<std::size_t>(2 * timed_s / (gemm ? copy_s_ : gemm_s_)) + 2;
    return {"event", repeats, [this, gemm, repeats, more = std::size_t{loads}]() mutable {
              return together(gemm, repeats, more);
            }};
  }

 private:
  static constexpr std::size_t kMostLoads = 20000;

  bool times_gemm() const { return point_.kind.rfind("gemm", 0) == 0; }
  static std::size_t repeats_of(double one_s) {
    return static_cast<std::size_t>(kSample_s / one_s) + 1;
  }

  std::unique_ptr<DenseGemm> checked(const GemmShape& shape, int sms) {
    auto gemm = std::make_unique<DenseGemm>(gpu_, false, shape, sms);
    gemm->check_result("contention");
    return gemm;
  }

  void enqueue(bool gemm, std::size_t count, cudaStream_t stream) {
    const bool to_device = point_.kind.find("h2d") != std::string::npos;
    for (std::size_t i = 0; i < count; ++i) {
      if (gemm)
        gemm_->run(stream);
      else
        pools_.copy(to_device, point_.bytes, turn_++, stream);
    }
  }

  /// Seconds of one of what is timed, while the other work goes on beside it.
  double together(bool gemm, std::size_t repeats, std::size_t& loads) {
    while (true) {
      enqueue(!gemm, 1, other_.handle);
      record(go_, other_.handle);
      enqueue(!gemm, loads, other_.handle);
      record(other_done_, other_.handle);
      check(cudaStreamWaitEvent(gpu_.stream(), go_.handle, 0), "cannot wait for an event");
      record(start_, gpu_.stream());
      enqueue(gemm, repeats, gpu_.stream());
      record(stop_, gpu_.stream());
      check(cudaEventSynchronize(stop_.handle), "a pass failed");
      check(cudaEventSynchronize(other_done_.handle), "the work beside a pass failed");
      if (seconds_between(go_, stop_) <= seconds_between(go_, other_done_))
        return seconds_between(start_, stop_) / static_cast<double>(repeats);
      loads *= 2;
      if (loads > kMostLoads)
        throw std::runtime_error("contention " + point_.kind +
                                 ": the work beside it always ends first");
    }
  }

  template <class Work>
  double timed(Work work) {
    return seconds_of(start_, stop_, gpu_.stream(), work);
  }

  template <class Work>
  double pilot(Work work) {
    timed(work);  // the first one loads the kernel
    const double first_s = timed(work);
    return std::max(std::min(first_s, timed(work)), 1e-6);
  }

  Gpu gpu_;  // first: where there is no device, it says so
  Stream other_;
  Event go_, start_, stop_, other_done_;
  CopyPools pools_;
  std::map<std::size_t, std::unique_ptr<DenseGemm>> gemms_;  // by rows
  std::unique_ptr<DenseGemm> limited_;
  DenseGemm* gemm_ = nullptr;
  ContentionPoint point_;
  std::size_t turn_ = 0;
  double gemm_s_ = 0, copy_s_ = 0;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<ContentionGpu>(argc, argv, run_contention);
}
