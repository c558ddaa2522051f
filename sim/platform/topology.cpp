#include "sim/platform/topology.hpp"

#include <fmt/format.h>

namespace moesim {

void add_nics(const Topology::Context& context, Fabric& fabric) {
  for (std::int64_t node = 0; node < context.nodes; ++node)
    for (std::int64_t nic = 0; nic < context.nics; ++nic)
      fabric.add_endpoint(fmt::format("node {} nic {}", node, nic));
}

int add_switches(Fabric& fabric, const char* kind, std::int64_t count) {
  const int first = fabric.switches();
  for (std::int64_t i = 0; i < count; ++i) fabric.add_switch(fmt::format("{} {}", kind, i));
  return first;
}

}  // namespace moesim
