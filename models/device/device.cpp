#include "models/device/device.hpp"

#include <cassert>

namespace moesim {
namespace {

const std::optional<FlopPerSecond>& rate_of(const FlopRates& rates, MathFormat format) {
  switch (format) {
    case MathFormat::kFp32:
      return rates.fp32;
    case MathFormat::kBf16:
      return rates.bf16;
    case MathFormat::kFp16:
      return rates.fp16;
    case MathFormat::kFp8:
      return rates.fp8;
    case MathFormat::kInt8:
      return rates.int8;
    case MathFormat::kFp4:
      return rates.fp4;
  }
  return rates.fp32;
}

/// What each format falls back to, in order.
std::vector<MathFormat> candidates(MathFormat format) {
  using enum MathFormat;
  switch (format) {
    case kFp32:
      return {kFp32};
    case kBf16:
      return {kBf16, kFp16, kFp32};
    case kFp16:
      return {kFp16, kBf16, kFp32};
    case kFp8:
      return {kFp8, kBf16, kFp16, kFp32};
    case kInt8:
      return {kInt8, kBf16, kFp16, kFp32};
    case kFp4:
      return {kFp4, kFp8, kBf16, kFp16, kFp32};
  }
  return {kFp32};
}

}  // namespace

const std::vector<std::string>& names_of(MathFormat) {
  static const std::vector<std::string> names = {"fp32", "bf16", "fp16", "fp8", "int8", "fp4"};
  return names;
}

const Parameters<FlopRates>& FlopRates::parameters() {
  static const auto list =
      Parameters<FlopRates>()
          .optional("fp32", &FlopRates::fp32, "outside the tensor cores")
          .above(0)
          .optional("bf16", &FlopRates::bf16, "dense, FP32 accumulation")
          .above(0)
          .optional("fp16", &FlopRates::fp16, "dense, FP32 accumulation")
          .above(0)
          .optional("fp8", &FlopRates::fp8, "dense; absent: widened to bf16")
          .above(0)
          .optional("int8", &FlopRates::int8, "dense; absent: widened to bf16")
          .above(0)
          .optional("fp4", &FlopRates::fp4, "dense; absent: widened to fp8, then bf16")
          .above(0);
  return list;
}

const Parameters<Device>& Device::parameters() {
  static const auto list =
      Parameters<Device>()
          .optional("vendor", &Device::vendor, "who makes it")
          .optional("compute_capability", &Device::compute_capability,
                    "CUDA compute capability, in quotes")
          .required("memory", &Device::memory, "usable memory", "80 GiB")
          .above(0)
          .required("memory_bandwidth", &Device::memory_bandwidth, "peak of the device memory",
                    "3350 GB/s")
          .above(0)
          .optional("l2", &Device::l2, "last-level cache")
          .min(0)
          .required("sms", &Device::sms, "streaming multiprocessors", "132")
          .min(1)
          .optional("power_w", &Device::power_w, "board power [W]")
          .min(0)
          .optional("scale_up", &Device::scale_up, "NVLink per direction; absent: none")
          .above(0)
          .required("pcie", &Device::pcie, "link to the host (PCIe or C2C) per direction",
                    "63 GB/s")
          .above(0)
          .optional("nic", &Device::nic, "share of one GPU in the network adapters, per direction")
          .min(0)
          .required("flops", &Device::flops, "peak dense rates by number format",
                    "{bf16: 989 TFLOP/s}");
  return list;
}

void Device::check(const Node& at) const {
  const bool any = flops.fp32 || flops.bf16 || flops.fp16;
  const Node* place = at.find("flops");
  if (!any)
    throw InputError(
        place != nullptr ? place->where : at.where,
        "flops needs at least one of bf16, fp16 and fp32, which the others fall back to");
}

MathRate Device::peak(MathFormat format) const {
  for (const auto candidate : candidates(format))
    if (const auto& rate = rate_of(flops, candidate)) return {*rate, candidate};
  // Only fp32 can get here (check() sees to the rest): a device without an fp32 figure runs it at
  // its 16-bit rate or slower.
  const auto& wide = flops.bf16 ? flops.bf16 : flops.fp16;
  assert(wide);
  return {*wide, flops.bf16 ? MathFormat::kBf16 : MathFormat::kFp16};
}

}  // namespace moesim
