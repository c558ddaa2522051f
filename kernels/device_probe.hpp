// Operation device_probe: what the device and its host are, one row per property, for the header of
// a profile. Nothing is timed. A property that nobody can tell (no management library, a virtual
// machine that hides its caches) is absent, so that a reader never meets a made-up value.
#pragma once

#include <sys/utsname.h>
#include <unistd.h>

#include <cstddef>
#include <optional>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/proc_file.hpp"
#include "kernels/table.hpp"

namespace moesim::kernels {

class Properties {
 public:
  void add(const std::string& name, const std::string& value) {
    if (value.empty()) return;
    if (!names_.insert(name).second) throw std::logic_error("property '" + name + "' twice");
    rows_.emplace_back(name, value);
  }
  void add(const std::string& name, const char* value) { add(name, std::string(value)); }
  void add(const std::string& name, double value) { add(name, csv_number(value)); }
  void add(const std::string& name, std::size_t value) { add(name, std::to_string(value)); }
  void add(const std::string& name, int value) { add(name, std::to_string(value)); }
  void add(const std::string& name, bool value) { add(name, value ? "1" : "0"); }
  template <class T>
  void add(const std::string& name, const std::optional<T>& value) {
    if (value) add(name, *value);
  }

  const std::vector<std::pair<std::string, std::string>>& rows() const { return rows_; }

 private:
  std::vector<std::pair<std::string, std::string>> rows_;
  std::set<std::string> names_;
};

inline void write_properties(const Properties& properties, std::ostream& out) {
  Table table(out, {"op", "property", "value"});
  for (const auto& [name, value] : properties.rows()) table.write({"device_probe", name, value});
}

/// The machine the program runs on, under names that begin with "host_".
inline void add_host(Properties& properties) {
  properties.add("host_cpu", field_of_file("/proc/cpuinfo", "model name"));
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  if (cores > 0) properties.add("host_cores", static_cast<int>(cores));
  const std::pair<const char*, int> caches[] = {{"host_l1d_bytes", _SC_LEVEL1_DCACHE_SIZE},
                                                {"host_l2_bytes", _SC_LEVEL2_CACHE_SIZE},
                                                {"host_l3_bytes", _SC_LEVEL3_CACHE_SIZE}};
  for (const auto& [name, query] : caches)
    if (const long bytes = sysconf(query); bytes > 0)
      properties.add(name, static_cast<std::size_t>(bytes));
  const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGE_SIZE);
  if (pages > 0 && page_bytes > 0)
    properties.add("host_memory_bytes",
                   static_cast<std::size_t>(pages) * static_cast<std::size_t>(page_bytes));
  utsname system{};
  if (uname(&system) == 0) {
    properties.add("host_system", system.sysname);
    properties.add("host_kernel", system.release);
    properties.add("host_machine", system.machine);
  }
}

}  // namespace moesim::kernels
