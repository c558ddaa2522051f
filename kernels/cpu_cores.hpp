// Which cores this process may run on, and putting a thread on one of them: for twins that use more
// than one thread. Not being allowed to pin only costs precision, so it is no error.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <cstddef>
#include <vector>

namespace moesim::kernels {

/// Ascending; to be asked before this thread is pinned.
inline std::vector<int> usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  std::vector<int> usable;
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) return usable;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(static_cast<std::size_t>(core), &cores)) usable.push_back(core);
  return usable;
}

inline void pin_this_thread(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<std::size_t>(core), &cores);
  pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

}  // namespace moesim::kernels
