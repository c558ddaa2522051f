// What the fake devices of the kernels' tests answer alike: a GPU or a CPU with some memory, which
// stores values as they are. Operation is the abstract device of one operation.
#pragma once

#include <cstddef>
#include <string>

#include "kernels/bench_device.hpp"
#include "kernels/random_data.hpp"

namespace moesim::kernels {

template <class Operation>
class Fake : public Operation {
 public:
  DeviceKind kind() const override { return kind_; }
  std::string name() const override { return "fake"; }
  std::size_t memory_bytes() const override { return memory_bytes_; }
  std::size_t cold_bytes() const override { return 100 * kMiB; }
  TimingPolicy policy(bool) const override { return short_policy(); }
  float stored(const std::string&, float value) const override { return value; }

  DeviceKind kind_ = DeviceKind::kCuda;
  std::size_t memory_bytes_ = std::size_t{70} << 30;
};

/// Takes a microsecond.
inline Sampler microsecond() {
  return {"exact", 1, [] { return 1e-6; }};
}

}  // namespace moesim::kernels
