// In which number format a GEMM is multiplied, given how its weights are stored and what the device
// has.
#pragma once

#include "models/architecture/precision.hpp"
#include "models/device/device.hpp"

namespace moesim {

/// fp8 and int8 weights run on their tensor cores (activations quantised on the fly), nvfp4 on FP4
/// and mxfp4 on FP8 tensor cores where the device has FP4 (W4A8 on Blackwell); otherwise 4-bit
/// weights are widened to bf16 first, as Marlin and the Triton MXFP4 kernels do on Hopper and
/// Ampere.
inline FlopPerSecond compute_rate(const Device& device, Dtype weight) {
  const bool has_fp4 = device.flops.fp4.has_value();
  switch (weight) {
    case Dtype::fp32:
      return device.peak(MathFormat::kFp32).rate;
    case Dtype::bf16:
      return device.peak(MathFormat::kBf16).rate;
    case Dtype::fp16:
      return device.peak(MathFormat::kFp16).rate;
    case Dtype::fp8:
      return device.peak(MathFormat::kFp8).rate;
    case Dtype::int8:
      return device.peak(MathFormat::kInt8).rate;
    case Dtype::mxfp4:
      return device.peak(has_fp4 ? MathFormat::kFp8 : MathFormat::kBf16).rate;
    case Dtype::nvfp4:
      return device.peak(has_fp4 ? MathFormat::kFp4 : MathFormat::kBf16).rate;
    case Dtype::int4:
    case Dtype::ternary:
      return device.peak(MathFormat::kBf16).rate;
  }
  return device.peak(MathFormat::kBf16).rate;
}

}  // namespace moesim
