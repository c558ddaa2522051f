// One child process: started without a shell in a process group of its own, both output streams
// collected, killed with everything it started when it takes too long or is no longer wanted. It
// never outlives the call, save one that the kernel itself cannot end.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace moesim {

struct ProcessSpec {
  std::string program;  ///< path
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  ///< NAME=value
  double timeout_s = 0;
};

struct ProcessResult {
  std::string out, err;
  double seconds = 0;
  bool stopped = false;    ///< because it was no longer wanted
  bool timed_out = false;  ///< because of the timeout
  /// "" when it ended with exit code 0; else what went wrong, with its line on stderr.
  std::string failure;
};

/// `wanted` is asked some times a second with the seconds so far; when it says no, the child is
/// killed.
ProcessResult run_process(const ProcessSpec& spec, const std::function<bool(double)>& wanted);

}  // namespace moesim
