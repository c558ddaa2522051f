// A folder of small programs that behave as those of kernels/ do, or as they should not: shell
// scripts that print a table, fail, hang. MOESIM_KERNELS names it while it lives.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/report/temporary_directory.hpp"

namespace moesim::testing {

class FakeKernels {
 public:
  FakeKernels() { setenv("MOESIM_KERNELS", directory_.path().c_str(), 1); }
  ~FakeKernels() { unsetenv("MOESIM_KERNELS"); }
  FakeKernels(const FakeKernels&) = delete;
  FakeKernels& operator=(const FakeKernels&) = delete;

  /// A program of this file name (NAME_cpu for the CPU). Every start appends the arguments to
  /// NAME.calls in the same folder.
  void add(const std::string& name, const std::string& body) const {
    const auto path = directory_.file(name);
    std::ofstream(path) << "#!/bin/sh\necho \"$@\" >> '" << path << ".calls'\n" << body << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  void add_table(const std::string& name, const std::string& table) const {
    add(name, "cat <<'TABLE'\n" + table + "TABLE");
  }
  /// memory_stream with two points.
  void add_anchor(const std::string& device = "fake", const std::string& suffix = "_cpu") const {
    add_table("memory_stream" + suffix,
              "op,pattern,array_bytes,l2,latency_us,device\n"
              "memory_stream,copy,4096,hot,1.5," +
                  device +
                  "\n"
                  "memory_stream,read,1024,rotate,2.5," +
                  device + "\n");
  }

  /// How often a program was started.
  int calls(const std::string& name) const {
    std::ifstream in(directory_.file(name + ".calls"));
    int count = 0;
    for (std::string line; std::getline(in, line);) ++count;
    return count;
  }
  std::string last_arguments(const std::string& name) const {
    std::ifstream in(directory_.file(name + ".calls"));
    std::string last;
    for (std::string line; std::getline(in, line);) last = line;
    return last;
  }
  const std::string& path() const { return directory_.path(); }
  std::string file(const std::string& name) const { return directory_.file(name); }

 private:
  TemporaryDirectory directory_;
};

}  // namespace moesim::testing
