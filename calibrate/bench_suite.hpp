// The microbenchmark suite as `moesim calibrate bench` runs it: which operations there are and into
// which file each writes. An operation is one program of kernels/, NAME for the GPU and NAME_cpu
// for the CPU. What a program measures is its own affair; see kernels/NAME.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace moesim {

struct BenchOperation {
  std::string name;
  std::string file;           ///< table of its group, seven in all
  bool every_device = false;  ///< sees all devices, not just the one that is measured
};

/// In the order of their files; rows of a shared file stand in this order too.
const std::vector<BenchOperation>& bench_suite();

/// The operations named, or all when none is, shuffled by the seed: slow drift of the device shall
/// not look like a difference between operations. Throws InputError for an unknown name.
std::vector<BenchOperation> planned_operations(const std::vector<std::string>& only,
                                               std::uint64_t seed);

}  // namespace moesim
