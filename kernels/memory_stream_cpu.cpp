// memory_stream on one CPU thread, written with Eigen: the twin of memory_stream.cu where there is
// no GPU. How it is timed: cpu_device.hpp.

#include <Eigen/Core>

#include "kernels/cpu_device.hpp"
#include "kernels/memory_stream.hpp"

namespace moesim::kernels {
namespace {

class StreamCpu final : public OnCpu<StreamDevice> {
 public:
  std::string library(const StreamPoint&) const override { return eigen_library(); }
  /// The whole last level, shared or not: the larger sizes go far beyond it anyway.
  std::size_t cold_bytes() const override { return 2 * cpu_cache_bytes(); }

  void fill(std::size_t pool_elements, std::uint64_t seed) override {
    pool_ = Eigen::ArrayXf();  // the old pool goes before the new one comes
    pool_.resize(static_cast<Eigen::Index>(pool_elements));
    for (std::size_t i = 0; i < pool_elements; ++i) pool_.data()[i] = stream_value(i, seed);
    sum_ = 0;
  }

  /// Passes leave random numbers behind, so a pool that is large enough will do.
  void prepare(const StreamPoint& point, std::uint64_t seed) override {
    const std::size_t wanted = point.rotation.sets * point.moved_bytes() / sizeof(float);
    if (static_cast<std::size_t>(pool_.size()) < wanted) fill(wanted, seed);
    hot_ = point.rotation.hot;
  }

  void run(Pattern pattern, std::size_t elements, std::size_t set) override {
    const auto size = static_cast<Eigen::Index>(elements);
    const auto array = [&](std::size_t k) {
      return pool_.segment(static_cast<Eigen::Index>((set * arrays_of(pattern) + k) * elements),
                           size);
    };
    switch (pattern) {
      case Pattern::kRead:
        return read(pool_.data() + set * elements, size);
      case Pattern::kWrite: {
        float* out = pool_.data() + set * elements;
        for (std::size_t i = 0; i < elements; ++i) out[i] = written_value(i);
        return;
      }
      case Pattern::kCopy:
        array(0) = array(1);
        return;
      case Pattern::kTriad:
        array(0) = array(1) + kTriadFactor * array(2);
        return;
    }
  }

  double sum() override { return sum_; }

  std::vector<float> fetch(std::size_t first, std::size_t count) override {
    return {pool_.data() + first, pool_.data() + first + count};
  }

  Sampler sampler(const StreamPoint& point) override {
    return cpu_sampler(point.rotation.sets, [this, point](std::size_t set) {
      run(point.pattern, point.elements(), set);
    });
  }

 private:
  /// In blocks, so that float partial sums stay exact enough and the total is a double.
  void read(const float* values, Eigen::Index size) {
    constexpr Eigen::Index block = 4096;
    for (Eigen::Index i = 0; i < size; i += block)
      sum_ += static_cast<double>(
          Eigen::Map<const Eigen::ArrayXf>(values + i, std::min(block, size - i)).sum());
  }

  Eigen::ArrayXf pool_;
  double sum_ = 0;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<StreamCpu>(argc, argv, run_memory_stream, prepare_cpu);
}
