// Which device is measured: "cpu", or "cuda:N", the N-th GPU that this process may use. A program
// of kernels/ always measures its device 0, so it is told by CUDA_VISIBLE_DEVICES
// (https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables); where that
// is set already, N counts within it, as everywhere else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moesim {

struct BenchDevice {
  enum class Kind { kCpu, kCuda };
  Kind kind = Kind::kCpu;
  int index = 0;

  std::string kind_name() const { return kind == Kind::kCpu ? "cpu" : "cuda"; }
  /// As it is written on the command line.
  std::string text() const;
};

/// "cuda" is "cuda:0". Throws InputError with a suggestion.
BenchDevice parse_bench_device(std::string_view text);

/// This process's environment with the device chosen; all devices stay visible when `every_device`.
/// Throws InputError when CUDA_VISIBLE_DEVICES names fewer devices than the index needs.
std::vector<std::string> bench_environment(const BenchDevice& device, bool every_device);

}  // namespace moesim
