// Threads that act as the ranks of one group and start together: the clock of collective
// operations, which no single rank can time. Time is the wall clock, because ranks wait for each
// other. When a rank throws, run() throws its exception once all ranks are back; work that waits
// for other ranks has to look at failed() meanwhile, or it would wait for ever. C++17, because nvcc
// compiles it too.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace moesim::kernels {

class RankTeam {
 public:
  using Work = std::function<void(std::size_t rank)>;

  /// `set_up(rank)` is the first thing each thread does; it must not throw.
  explicit RankTeam(std::size_t ranks, Work set_up = nullptr) : set_up_(std::move(set_up)) {
    for (std::size_t rank = 0; rank < ranks; ++rank)
      threads_.emplace_back([this, rank] { live(rank); });
  }
  RankTeam(const RankTeam&) = delete;
  RankTeam& operator=(const RankTeam&) = delete;
  ~RankTeam() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  std::size_t ranks() const { return threads_.size(); }
  bool failed() const { return failed_; }

  /// Calls work(rank) in all threads at once. Seconds from their common start to the end of the
  /// last.
  double run(const Work& work) {
    std::unique_lock<std::mutex> lock(mutex_);
    work_ = &work;
    ready_ = 0;
    done_ = 0;
    go_ = false;
    failed_ = false;
    failure_ = nullptr;
    last_end_ = {};
    ++round_;
    lock.unlock();
    wake_.notify_all();
    while (ready_ < ranks()) std::this_thread::yield();
    const Clock::time_point start = Clock::now();
    go_ = true;
    lock.lock();
    all_done_.wait(lock, [this] { return done_ == ranks(); });
    if (failure_) std::rethrow_exception(failure_);
    return std::chrono::duration<double>(last_end_ - start).count();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void live(std::size_t rank) {
    if (set_up_) set_up_(rank);
    std::size_t seen = 0;
    while (true) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return stop_ || round_ != seen; });
        if (stop_) return;
        seen = round_;
      }
      ++ready_;
      while (!go_) std::this_thread::yield();
      try {
        (*work_)(rank);
      } catch (...) {
        fail(std::current_exception());
      }
      const Clock::time_point end = Clock::now();
      const std::lock_guard<std::mutex> lock(mutex_);
      last_end_ = std::max(last_end_, end);
      if (++done_ == ranks()) all_done_.notify_one();
    }
  }

  /// The first failure is kept before the others can see that there is one, and fail of it.
  void fail(std::exception_ptr failure) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!failure_) failure_ = failure;
    failed_ = true;
  }

  Work set_up_;
  std::mutex mutex_;
  std::condition_variable wake_, all_done_;
  const Work* work_ = nullptr;
  std::size_t round_ = 0, done_ = 0;
  bool stop_ = false;
  std::exception_ptr failure_;
  Clock::time_point last_end_;
  std::atomic<std::size_t> ready_{0};
  std::atomic<bool> go_{false}, failed_{false};
  std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace moesim::kernels
