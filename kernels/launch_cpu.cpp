// launch on the CPU: what starting work costs a program of threads. Calls and clock readings are
// timed in the thread's own CPU time; waking a thread is waiting, so only the wall clock sees it.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "kernels/cpu_device.hpp"
#include "kernels/launch.hpp"

namespace moesim::kernels {
namespace {

std::size_t called = 0;
void called_function() { ++called; }
void (*volatile call_through)() = called_function;  // the compiler must not see what is called

double wall_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// A thread that answers every wake-up with one of its own.
class Sleeper {
 public:
  ~Sleeper() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void wake_and_wait() {
    std::unique_lock lock(mutex_);
    ++asked_;
    wake_.notify_one();
    answer_.wait(lock, [this] { return answered_ == asked_; });
  }

  std::size_t answered() {
    const std::lock_guard lock(mutex_);
    return answered_;
  }

 private:
  void answer() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stop_ || answered_ != asked_; });
      if (stop_) return;
      answered_ = asked_;
      answer_.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, answer_;
  std::size_t asked_ = 0, answered_ = 0;
  bool stop_ = false;
  std::thread thread_{[this] { answer(); }};  // last: it uses all of the above
};

class LaunchCpu final : public LaunchDevice {
 public:
  std::string name() const override { return cpu_name(); }
  std::string library() const override { return "libstdc++"; }
  std::vector<std::string> kinds() const override {
    return {"function_call", "clock_read", "thread_wake"};
  }

  std::size_t count(const std::string& kind, std::size_t nodes) override {
    const std::size_t before = done(kind);
    sampler(kind, nodes).run_once();
    const std::size_t repeats = sampler(kind, nodes).repeats;
    return (done(kind) - before) / repeats;
  }

  Sampler sampler(const std::string& kind, std::size_t nodes) override {
    // A call is a nanosecond, reading the clock that times it a few hundred.
    if (kind == "function_call")
      return repeated(40000 / nodes, [nodes] {
        for (std::size_t i = 0; i < nodes; ++i) call_through();
      });
    if (kind == "clock_read")
      return repeated(800 / nodes, [this, nodes] {
        for (std::size_t i = 0; i < nodes; ++i, ++clock_reads_) last_reading_s_ = thread_seconds();
      });
    return {"wall", 1, [this, nodes] {
              const double start = wall_s();
              for (std::size_t i = 0; i < nodes; ++i) sleeper_.wake_and_wait();
              return wall_s() - start;
            }};
  }

 private:
  template <class Work>
  static Sampler repeated(std::size_t repeats, Work work) {
    return {"thread_cpu", repeats, [repeats, work] {
              const double start = thread_seconds();
              for (std::size_t i = 0; i < repeats; ++i) work();
              return (thread_seconds() - start) / static_cast<double>(repeats);
            }};
  }

  std::size_t done(const std::string& kind) {
    if (kind == "function_call") return called;
    return kind == "clock_read" ? clock_reads_ : sleeper_.answered();
  }

  Sleeper sleeper_;
  std::size_t clock_reads_ = 0;
  volatile double last_reading_s_ = 0;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_main(argc, argv, [](const Options& options, std::ostream& out) {
    LaunchCpu cpu;  // before the pinning, so that the thread it wakes may live on another core
    stay_on_this_core();
    run_launch(cpu, options, out);
  });
}
