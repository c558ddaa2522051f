// device_probe of the CPU: the host is the device.

#include "kernels/command_line.hpp"
#include "kernels/cpu_device.hpp"
#include "kernels/device_probe.hpp"

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_main(argc, argv, [](const Options&, std::ostream& out) {
    Properties properties;
    properties.add("kind", "cpu");
    properties.add("name", cpu_name());
    properties.add("library", eigen_library());
    properties.add("simd", Eigen::SimdInstructionSetsInUse());
    properties.add("compiler", __VERSION__);
    add_host(properties);
    write_properties(properties, out);
  });
}
