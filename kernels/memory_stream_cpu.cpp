// memory_stream on one CPU thread, written with Eigen: the twin of memory_stream.cu where there is
// no GPU. Time is the thread's own CPU time, which other load on the machine disturbs far less than
// the wall clock.

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <Eigen/Core>
#include <ctime>
#include <fstream>
#include <string_view>

#include "kernels/memory_stream.hpp"

namespace moesim::kernels {
namespace {

double thread_seconds() {
  timespec now{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
    throw std::runtime_error("the clock CLOCK_THREAD_CPUTIME_ID cannot be read");
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// A thread that moves to another core leaves its caches behind. Not being allowed to pin only
/// costs precision.
void stay_on_this_core() {
  const int core = sched_getcpu();
  if (core < 0) return;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<std::size_t>(core), &cores);
  pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

std::string field_of(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.rfind(key, 0) == 0) return line.substr(line.find_first_not_of(": \t", key.size()));
  return "";
}

class Cpu final : public StreamDevice {
 public:
  std::string name() const override {
    const std::string model = field_of("/proc/cpuinfo", "model name");
    return model.empty() ? "CPU" : model;
  }

  std::string library() const override {
    return "Eigen " + std::to_string(EIGEN_WORLD_VERSION) + "." +
           std::to_string(EIGEN_MAJOR_VERSION) + "." + std::to_string(EIGEN_MINOR_VERSION);
  }

  std::size_t cache_bytes() const override {
    const long level_3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
    const long level_2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
    // Virtual machines may report none; then assume more than the caches of one core's slice
    // usually are.
    const long bytes = level_3 > 0 ? level_3 : level_2 > 0 ? level_2 : static_cast<long>(64 * kMiB);
    return static_cast<std::size_t>(bytes);
  }

  std::size_t memory_bytes() const override {
    const std::string available = field_of("/proc/meminfo", "MemAvailable:");  // "12345 kB"
    return available.empty() ? 1024 * kMiB : std::stoull(available) * 1024 / 2;
  }

  void fill(std::size_t pool_elements, std::uint64_t seed) override {
    pool_ = Eigen::ArrayXf();  // the old pool goes before the new one comes
    pool_.resize(static_cast<Eigen::Index>(pool_elements));
    for (std::size_t i = 0; i < pool_elements; ++i) pool_.data()[i] = stream_value(i, seed);
    sum_ = 0;
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

  Sampler sampler(Pattern pattern, std::size_t elements, std::size_t sets) override {
    // A pass of a megabyte takes some 50 us against 0.1 us for reading the clock: no repeats
    // needed.
    return {"thread_cpu", 1, [this, pattern, elements, sets, set = std::size_t{0}]() mutable {
              const double start = thread_seconds();
              run(pattern, elements, set);
              const double end = thread_seconds();
              set = (set + 1) % sets;
              return end - start;
            }};
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
  return benchmark_main(argc, argv, [](const Options& options, std::ostream& out) {
    Eigen::setNbThreads(1);
    stay_on_this_core();
    Cpu cpu;
    run_memory_stream(cpu, options, out);
  });
}
