// Clocks, power and temperature of one GPU from NVIDIA's management library, loaded at run time:
// the toolkit brings neither its header nor a library to link. Whatever the library, the driver or
// the card does not tell is an empty optional; nothing here fails a measurement, and nothing here
// changes a setting. Function names and constants: NVML API reference,
// https://docs.nvidia.com/deploy/nvml-api/ (device queries; clocks event reasons).
#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <optional>
#include <string>

namespace moesim::kernels {

/// Names of the bits of nvmlClocksEventReasons, joined by '+'; "none" when no bit is set. A bit
/// this list does not know is written as a number.
inline std::string throttle_names(std::uint64_t reasons) {
  struct Name {
    std::uint64_t bit;
    const char* text;
  };
  constexpr Name names[] = {{0x1, "gpu_idle"},
                            {0x2, "applications_clocks"},
                            {0x4, "sw_power_cap"},
                            {0x8, "hw_slowdown"},
                            {0x10, "sync_boost"},
                            {0x20, "sw_thermal_slowdown"},
                            {0x40, "hw_thermal_slowdown"},
                            {0x80, "hw_power_brake"},
                            {0x100, "display_clocks"}};
  std::string text;
  for (const Name& name : names) {
    if ((reasons & name.bit) == 0) continue;
    text += (text.empty() ? "" : "+") + std::string(name.text);
    reasons &= ~name.bit;
  }
  if (reasons != 0) text += (text.empty() ? "" : "+") + std::to_string(reasons);
  return text.empty() ? "none" : text;
}

class Nvml {
 public:
  enum class Clock { kSm = 1, kMemory = 2 };  ///< nvmlClockType_t

  /// `pci_bus_id` as cudaDeviceGetPCIBusId writes it, so that both libraries speak of one card.
  explicit Nvml(const std::string& pci_bus_id, const char* library = "libnvidia-ml.so.1") {
    library_ = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr) return;
    const auto start = function<int()>("nvmlInit_v2");
    const auto find = function<int(const char*, void**)>("nvmlDeviceGetHandleByPciBusId_v2");
    if (start == nullptr || find == nullptr || start() != kSuccess) return;
    started_ = true;
    if (find(pci_bus_id.c_str(), &device_) != kSuccess) device_ = nullptr;
  }
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;
  ~Nvml() {
    if (started_)
      if (const auto stop = function<int()>("nvmlShutdown"); stop != nullptr) stop();
    if (library_ != nullptr) dlclose(library_);
  }

  bool available() const { return device_ != nullptr; }

  std::optional<std::string> driver_version() const {
    const auto get = function<int(char*, unsigned)>("nvmlSystemGetDriverVersion");
    char text[81] = {};  // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE is 80
    if (!started_ || get == nullptr || get(text, 80) != kSuccess) return std::nullopt;
    return std::string(text);
  }

  std::optional<double> clock_mhz(Clock clock) const {
    return typed_number("nvmlDeviceGetClockInfo", static_cast<int>(clock));
  }
  std::optional<double> max_clock_mhz(Clock clock) const {
    return typed_number("nvmlDeviceGetMaxClockInfo", static_cast<int>(clock));
  }
  std::optional<double> temperature_c() const {
    return typed_number("nvmlDeviceGetTemperature", 0);  // NVML_TEMPERATURE_GPU
  }
  std::optional<double> power_w() const { return watts("nvmlDeviceGetPowerUsage"); }
  std::optional<double> power_limit_w() const { return watts("nvmlDeviceGetEnforcedPowerLimit"); }
  std::optional<double> pcie_generation() const {
    return number("nvmlDeviceGetCurrPcieLinkGeneration");
  }
  std::optional<double> pcie_width() const { return number("nvmlDeviceGetCurrPcieLinkWidth"); }
  std::optional<double> max_pcie_generation() const {
    return number("nvmlDeviceGetMaxPcieLinkGeneration");
  }
  std::optional<double> max_pcie_width() const { return number("nvmlDeviceGetMaxPcieLinkWidth"); }

  std::optional<bool> ecc() const {
    const auto get = function<int(void*, int*, int*)>("nvmlDeviceGetEccMode");
    int current = 0, pending = 0;
    if (!available() || get == nullptr || get(device_, &current, &pending) != kSuccess)
      return std::nullopt;
    return current != 0;
  }

  /// Why the clocks are below their maximum: a set of bits, see throttle_names().
  std::optional<std::uint64_t> throttle_reasons() const {
    auto get = function<int(void*, unsigned long long*)>("nvmlDeviceGetCurrentClocksEventReasons");
    if (get == nullptr)  // the name before driver 535
      get = function<int(void*, unsigned long long*)>("nvmlDeviceGetCurrentClocksThrottleReasons");
    unsigned long long reasons = 0;
    if (!available() || get == nullptr || get(device_, &reasons) != kSuccess) return std::nullopt;
    return reasons;
  }

 private:
  static constexpr int kSuccess = 0;  // nvmlReturn_t NVML_SUCCESS

  template <class Signature>
  Signature* function(const char* name) const {
    if (library_ == nullptr) return nullptr;
    return reinterpret_cast<Signature*>(dlsym(library_, name));
  }

  std::optional<double> number(const char* name) const {
    const auto get = function<int(void*, unsigned*)>(name);
    unsigned value = 0;
    if (!available() || get == nullptr || get(device_, &value) != kSuccess) return std::nullopt;
    return value;
  }

  std::optional<double> watts(const char* name) const {
    const auto milliwatts = number(name);
    if (!milliwatts) return std::nullopt;
    return *milliwatts / 1000;
  }

  std::optional<double> typed_number(const char* name, int type) const {
    const auto get = function<int(void*, int, unsigned*)>(name);
    unsigned value = 0;
    if (!available() || get == nullptr || get(device_, type, &value) != kSuccess)
      return std::nullopt;
    return value;
  }

  void* library_ = nullptr;
  void* device_ = nullptr;
  bool started_ = false;
};

}  // namespace moesim::kernels
