// device_probe of CUDA device 0: the runtime's own properties, NVML's where it loads, the versions
// of the libraries, and which pairs of devices reach each other's memory.

#include <cublas_v2.h>
#include <dlfcn.h>

#include "kernels/command_line.hpp"
#include "kernels/device_probe.hpp"
#include "kernels/gpu.cuh"
#include "kernels/nvml.hpp"

namespace moesim::kernels {
namespace {

/// "13.0" out of 13000, as CUDA writes its versions.
std::string dotted(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

int attribute(cudaDeviceAttr what, int device = 0) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, what, device), "cannot query an attribute of the device");
  return value;
}

void add_device(Properties& properties, const cudaDeviceProp& device) {
  properties.add("name", device.name);
  properties.add("compute_capability",
                 std::to_string(device.major) + "." + std::to_string(device.minor));
  properties.add("sms", device.multiProcessorCount);
  properties.add("l2_bytes", static_cast<std::size_t>(device.l2CacheSize));
  std::size_t free_bytes = 0, total_bytes = 0;
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "cannot query the memory");
  properties.add("memory_bytes", total_bytes);
  properties.add("memory_free_bytes", free_bytes);
  properties.add("memory_bus_bits", device.memoryBusWidth);
  properties.add("shared_memory_per_block_bytes",
                 static_cast<std::size_t>(device.sharedMemPerBlockOptin));
  properties.add("copy_engines", device.asyncEngineCount);
  // The attributes are in kHz; 0 where the driver does not tell.
  if (const int khz = attribute(cudaDevAttrClockRate); khz > 0)
    properties.add("sm_boost_mhz", khz / 1000.0);
  if (const int khz = attribute(cudaDevAttrMemoryClockRate); khz > 0)
    properties.add("memory_boost_mhz", khz / 1000.0);
}

/// Asked of the library itself, which a machine may lack: nothing else here needs it.
std::string nccl_version() {
  void* library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return "";
  const auto get = reinterpret_cast<int (*)(int*)>(dlsym(library, "ncclGetVersion"));
  int version = 0;
  const bool known = get != nullptr && get(&version) == 0 && version > 0;
  dlclose(library);
  if (!known) return "";
  return std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) + "." +
         std::to_string(version % 100);  // NCCL_VERSION of nccl.h, from 2.9 on
}

void add_libraries(Properties& properties) {
  int driver = 0, runtime = 0;
  check(cudaDriverGetVersion(&driver), "cannot query the driver's version");
  check(cudaRuntimeGetVersion(&runtime), "cannot query the runtime's version");
  properties.add("cuda_driver", dotted(driver));
  properties.add("cuda_runtime", dotted(runtime));
  int parts[3] = {};
  const libraryPropertyType kinds[3] = {MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL};
  for (int i = 0; i < 3; ++i)
    if (cublasGetProperty(kinds[i], &parts[i]) != CUBLAS_STATUS_SUCCESS)
      throw std::runtime_error("cuBLAS does not tell its version");
  properties.add("cublas", std::to_string(parts[0]) + "." + std::to_string(parts[1]) + "." +
                               std::to_string(parts[2]));
  properties.add("nccl", nccl_version());
}

void add_sensors(Properties& properties) {
  char pci_bus_id[32] = {};
  check(cudaDeviceGetPCIBusId(pci_bus_id, sizeof pci_bus_id, 0), "cannot query the PCI bus");
  properties.add("pci_bus_id", pci_bus_id);
  const Nvml nvml(pci_bus_id);
  properties.add("driver", nvml.driver_version());
  properties.add("sm_mhz", nvml.clock_mhz(Nvml::Clock::kSm));
  properties.add("sm_max_mhz", nvml.max_clock_mhz(Nvml::Clock::kSm));
  properties.add("memory_mhz", nvml.clock_mhz(Nvml::Clock::kMemory));
  properties.add("memory_max_mhz", nvml.max_clock_mhz(Nvml::Clock::kMemory));
  properties.add("power_w", nvml.power_w());
  properties.add("power_limit_w", nvml.power_limit_w());
  properties.add("temperature_c", nvml.temperature_c());
  properties.add("ecc", nvml.ecc());
  if (const auto reasons = nvml.throttle_reasons())
    properties.add("throttle", throttle_names(*reasons));
  properties.add("pcie_generation", nvml.pcie_generation());
  properties.add("pcie_width", nvml.pcie_width());
  properties.add("pcie_max_generation", nvml.max_pcie_generation());
  properties.add("pcie_max_width", nvml.max_pcie_width());
}

void add_peers(Properties& properties) {
  int devices = 0;
  check(cudaGetDeviceCount(&devices), "cannot count the devices");
  properties.add("devices", devices);
  for (int from = 0; from < devices; ++from)
    for (int to = 0; to < devices; ++to) {
      if (from == to) continue;
      int reaches = 0;
      check(cudaDeviceCanAccessPeer(&reaches, from, to), "cannot query peer access");
      properties.add("p2p_" + std::to_string(from) + "_" + std::to_string(to), reaches != 0);
    }
}

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_main(argc, argv, [](const Options&, std::ostream& out) {
    const cudaDeviceProp device = open_device();
    Properties properties;
    properties.add("kind", "cuda");
    add_device(properties, device);
    add_libraries(properties);
    add_sensors(properties);
    add_peers(properties);
    add_host(properties);
    write_properties(properties, out);
  });
}
