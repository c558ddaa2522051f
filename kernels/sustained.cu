// sustained on one CUDA GPU: cuBLASLt products of 8192 x 8192 x 8192 in bf16 and, where the
// hardware has it, fp8. Some batches are always queued behind the one that is waited for, so that
// the device never idles while the host reads the sensors, which can take milliseconds.

#include <chrono>
#include <memory>
#include <thread>

#include "kernels/dense_gemm.cuh"
#include "kernels/sustained.hpp"

namespace moesim::kernels {
namespace {

class SustainedGpu final : public SustainedDevice {
 public:
  std::string name() const override { return gpu_.properties().name; }
  std::string library() const override { return cublas_library("cublasLt"); }
  SustainedPlan plan(bool short_mode) const override {
    return short_mode ? SustainedPlan{0.050, 1, 2} : SustainedPlan{0.050, 1, 20};
  }

  std::vector<std::string> dtypes() const override {
    const cudaDeviceProp& device = gpu_.properties();
    if (device.major * 10 + device.minor < 89) return {"bf16"};  // fp8 begins with Ada
    return {"bf16", "fp8"};
  }

  double flop() const override { return flop_of(kShape); }
  bool hot() const override { return false; }  // 270 MB of matrices and more
  std::string timer() const override { return "event"; }
  std::size_t products_per_batch() const override { return kProducts; }

  void prepare(const std::string& dtype) override {
    check(cudaStreamSynchronize(gpu_.stream()), "a matrix product failed");
    gemm_.reset();
    gemm_ = std::make_unique<DenseGemm>(gpu_, dtype == "fp8", kShape);
    gemm_->check_result("sustained " + dtype);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    recorded_ = 0;
  }

  double batch() override {
    if (recorded_ == 0) {
      mark();
      for (std::size_t i = 0; i < kAhead; ++i) enqueue();
    }
    enqueue();
    const Event& start = marks_[(recorded_ - 2 - kAhead) % kMarks];
    const Event& stop = marks_[(recorded_ - 1 - kAhead) % kMarks];
    check(cudaEventSynchronize(stop.handle), "a matrix product failed");
    return seconds_between(start, stop);
  }

  Sensors sensors() override {
    return {nvml_.clock_mhz(Nvml::Clock::kSm), nvml_.power_w(), nvml_.temperature_c(),
            nvml_.throttle_reasons()};
  }

 private:
  static constexpr GemmShape kShape{8192, 8192, 8192};
  static constexpr std::size_t kProducts = 5;  // some 8 ms of an H100
  static constexpr std::size_t kAhead = 3;     // batches queued behind the one that is waited for
  static constexpr std::size_t kMarks = kAhead + 2;

  static std::string bus_id() {
    char text[32] = {};
    check(cudaDeviceGetPCIBusId(text, sizeof text, 0), "cannot query the PCI bus");
    return text;
  }

  void mark() {
    record(marks_[recorded_ % kMarks], gpu_.stream());
    ++recorded_;
  }

  void enqueue() {
    for (std::size_t i = 0; i < kProducts; ++i) gemm_->run(gpu_.stream());
    mark();
  }

  Gpu gpu_;  // first: where there is no device, it says so
  Nvml nvml_{bus_id()};
  std::unique_ptr<DenseGemm> gemm_;
  Event marks_[kMarks];
  std::size_t recorded_ = 0;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<SustainedGpu>(argc, argv, run_sustained);
}
