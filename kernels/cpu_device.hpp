// The CPU as the twins of the CUDA programs see it: one thread on one core, timed by its own CPU
// time, which other load on the machine disturbs far less than the wall clock; name, library,
// cache and memory. Includes Eigen, so it is for .cpp files only. Does not touch clocks.
#pragma once

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <Eigen/Core>
#include <algorithm>
#include <cstddef>
#include <ctime>
#include <stdexcept>
#include <string>
#include <utility>

#include "kernels/bench_device.hpp"
#include "kernels/proc_file.hpp"
#include "kernels/random_data.hpp"
#include "kernels/rotation.hpp"
#include "kernels/timing.hpp"

namespace moesim::kernels {

inline double thread_seconds() {
  timespec now{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0)
    throw std::runtime_error("the clock CLOCK_THREAD_CPUTIME_ID cannot be read");
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// A thread that moves to another core leaves its caches behind. Not being allowed to pin only
/// costs precision.
inline void stay_on_this_core() {
  const int core = sched_getcpu();
  if (core < 0) return;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<std::size_t>(core), &cores);
  pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

/// The allocator keeps the scratch memory of Eigen's products instead of fetching fresh pages from
/// the kernel for each.
inline void keep_scratch_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

/// What a twin does first: one thread, pinned.
inline void prepare_cpu() {
  Eigen::setNbThreads(1);
  stay_on_this_core();
  keep_scratch_memory();
}

/// What a twin does first whose ranks are threads of their own.
inline void prepare_ranks() {
  Eigen::setNbThreads(1);
  keep_scratch_memory();
}

inline std::string cpu_name() {
  const std::string model = field_of_file("/proc/cpuinfo", "model name");
  return model.empty() ? "CPU" : model;
}

inline std::string eigen_library() {
  return "Eigen " + std::to_string(EIGEN_WORLD_VERSION) + "." +
         std::to_string(EIGEN_MAJOR_VERSION) + "." + std::to_string(EIGEN_MINOR_VERSION);
}

/// The last level of cache [bytes].
inline std::size_t cpu_cache_bytes() {
  const long level_3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
  const long level_2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
  // Virtual machines may report none; then assume more than the caches of one core's slice
  // usually are.
  const long bytes = level_3 > 0 ? level_3 : level_2 > 0 ? level_2 : static_cast<long>(64 * kMiB);
  return static_cast<std::size_t>(bytes);
}

/// Half of what is free [bytes].
inline std::size_t cpu_memory_bytes() {
  const std::string available = field_of_file("/proc/meminfo", "MemAvailable:");  // "12345 kB"
  return available.empty() ? 1024 * kMiB : std::stoull(available) * 1024 / 2;
}

/// Times `pass(set)`, going round the sets 0 .. sets-1. A pass shorter than 20 us is repeated in
/// one sample, because reading the clock takes about half a microsecond.
template <class Pass>
Sampler cpu_sampler(std::size_t sets, Pass pass) {
  auto timed = [pass, sets, set = std::size_t{0}](std::size_t repeats) mutable {
    const double start = thread_seconds();
    for (std::size_t i = 0; i < repeats; ++i) {
      pass(set);
      set = set + 1 == sets ? 0 : set + 1;
    }
    return (thread_seconds() - start) / static_cast<double>(repeats);
  };
  auto pilot = timed;
  double pass_s = pilot(1);  // this one touches code and scratch memory
  for (int i = 0; i < 2 && pass_s < 1e-3; ++i) pass_s = std::min(pass_s, pilot(1));
  const auto repeats = static_cast<std::size_t>(20e-6 / std::max(pass_s, 1e-8)) + 1;
  return {"thread_cpu", repeats, [timed, repeats]() mutable { return timed(repeats); }};
}

/// Shorter than on a GPU and in three rounds, because cores are shared: the lower quartile over
/// rounds that lie seconds apart repeats. Spread counts as noise above 15 %.
inline TimingPolicy cpu_policy(bool short_mode) {
  TimingPolicy policy = short_mode ? short_policy() : TimingPolicy{};
  policy.noisy_cv = 0.15;
  if (short_mode) return policy;
  policy.rounds = 3;
  policy.warmup_runs = 0;  // the sampler's first passes warm up
  policy.warmup_s = 0;
  policy.samples = 5;
  policy.sampling_s = 0.010;
  policy.cap_s = 0.020;
  policy.samples_at_cap = 2;
  return policy;
}

/// What every twin answers alike. Operation is the abstract device of one operation.
template <class Operation>
class OnCpu : public Operation {
 public:
  DeviceKind kind() const override { return DeviceKind::kCpu; }
  std::string name() const override { return cpu_name(); }
  std::size_t memory_bytes() const override { return cpu_memory_bytes(); }
  /// Far more than the second level of cache; the third is shared and often larger than a bench
  /// should take.
  std::size_t cold_bytes() const override { return std::min(2 * cpu_cache_bytes(), 64 * kMiB); }
  TimingPolicy policy(bool short_mode) const override { return cpu_policy(short_mode); }
  float stored(const std::string&, float value) const override { return value; }
};

/// The same for operations whose points bring their own buffers.
template <class Operation>
class RotatingOnCpu : public Operation {
 public:
  std::string name() const override { return cpu_name(); }
  std::string library() const override { return eigen_library(); }
  std::size_t cache_bytes() const override { return cpu_cache_bytes(); }
  std::size_t memory_bytes() const override { return cpu_memory_bytes(); }
};

/// An array of random_value(i, seed, mantissa_bits), made anew for another seed or more elements.
class ExactArray {
 public:
  void fill(std::size_t count, std::uint64_t seed, int mantissa_bits) {
    const auto elements = static_cast<Eigen::Index>(count);
    if (elements <= values_.size() && seed == seed_) return;
    values_.resize(0);  // the old array goes before the new one comes
    values_.resize(elements);
    for (std::size_t i = 0; i < count; ++i)
      values_[static_cast<Eigen::Index>(i)] = random_value(i, seed, mantissa_bits);
    seed_ = seed;
  }
  const float* data() const { return values_.data(); }

 private:
  Eigen::ArrayXf values_;
  std::uint64_t seed_ = 0;
};

}  // namespace moesim::kernels
