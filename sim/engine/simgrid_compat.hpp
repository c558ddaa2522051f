// The differences between SimGrid 3.32 (Debian 12) and 4.0 (Debian 13), in one place. Included by
// .cpp files only.
#pragma once

// s4u.hpp brings SIMGRID_VERSION; version.h alone does not compile with 3.32.
#include <simgrid/kernel/routing/NetPoint.hpp>
#include <simgrid/kernel/routing/NetZoneImpl.hpp>
#include <simgrid/s4u.hpp>
#if __has_include(<simgrid/simcall.hpp>)
#include <simgrid/simcall.hpp>
#else
#include <simgrid/simix.hpp>
#endif

namespace moesim {

/// The zone in which hosts and links are created.
inline simgrid::s4u::NetZone* create_root_zone(simgrid::s4u::Engine& engine) {
#if SIMGRID_VERSION >= 40000
  return engine.get_netzone_root()->add_netzone_full("root");
#else
  (void)engine;
  return simgrid::s4u::create_full_zone("root");
#endif
}

/// Runs `code` in SimGrid's own context: many calls, one switch to it and back.
template <class Code>
void at_once(Code code) {
  simgrid::kernel::actor::simcall_answered([&] { code(); });
}

}  // namespace moesim
