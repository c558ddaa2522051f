// One GPU as its data sheet describes it: the input of cost tier `spec` and the defaults of a node.
// Rates are dense (no sparsity), bandwidth is per direction (data sheets print both directions
// together), memory is what a program can use. Every number of the shipped files
// (models/device/*.yaml) names its source beside it. Not modelled here: what kernels reach of these
// peaks (models/cost), clocks, throttling.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/core/parameters.hpp"

namespace moesim {

/// The number format of a matrix multiplication, which is not always the format the weights are
/// stored in.
enum class MathFormat { kFp32, kBf16, kFp16, kFp8, kInt8, kFp4 };
const std::vector<std::string>& names_of(MathFormat);

/// Peak dense rates; a format that the hardware lacks is empty.
struct FlopRates {
  std::optional<FlopPerSecond> fp32, bf16, fp16, fp8, int8, fp4;
  static const Parameters<FlopRates>& parameters();
};

/// A rate and the format it belongs to.
struct MathRate {
  FlopPerSecond rate;
  MathFormat used = MathFormat::kBf16;
};

struct Device {
  std::string name;  ///< from the catalogue; not a parameter
  std::string vendor;
  std::string compute_capability;
  Bytes memory;
  BytesPerSecond memory_bandwidth;
  Bytes l2;
  std::int64_t sms = 0;
  double power_w = 0;
  std::optional<BytesPerSecond> scale_up;  ///< NVLink, per direction; empty: none
  BytesPerSecond pcie;                     ///< link to the host (PCIe or C2C), per direction
  BytesPerSecond nic;  ///< share of one GPU in the usual network adapters, per direction
  FlopRates flops;

  static const Parameters<Device>& parameters();
  void check(const Node& at) const;

  /// Peak rate in `format`. A format that the device lacks falls back to the next wider one it has,
  /// as the libraries do by widening the operands first: fp4 -> fp8 -> bf16, int8 -> bf16, bf16 <->
  /// fp16, then fp32.
  MathRate peak(MathFormat format) const;
};

}  // namespace moesim
