// Independent pieces of work on several threads.
#pragma once

#include <cstddef>
#include <functional>

namespace moesim {

/// Runs work(0) ... work(count - 1), in this order of starting, on at most `jobs` threads (0: one
/// for each core). When one throws, those not yet started are left out and the first exception is
/// thrown again once all threads have ended.
void for_each_in_parallel(std::size_t count, unsigned jobs,
                          const std::function<void(std::size_t)>& work);

}  // namespace moesim
