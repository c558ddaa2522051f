// What the CUDA microbenchmarks share: the device, its memory, and how a pass is timed. A pass
// shorter than 50 us is captured many times in a CUDA graph and timed by events around a replay; a
// longer one has a pair of events of its own. The host enqueues while the device is held before the
// first event, so launches do not count; the gap between graph nodes, about a microsecond, does.
// Uses device 0 of CUDA_VISIBLE_DEVICES. Every failure of the runtime becomes an exception that
// names it.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

#include "kernels/timing.hpp"

namespace moesim::kernels {

constexpr int kThreads = 256;  ///< per block
constexpr double kShortPass_s = 50e-6;
constexpr double kGraph_s =
    500e-6;  ///< one replay lasts about this long, a thousand times the events' resolution

inline void check(cudaError_t status, const std::string& what) {
  if (status != cudaSuccess) throw std::runtime_error(what + ": " + cudaGetErrorString(status));
}

inline std::string cuda_version() {
  return "own, CUDA " + std::to_string(CUDART_VERSION / 1000) + "." +
         std::to_string(CUDART_VERSION % 1000 / 10);
}

struct DeviceFree {
  void operator()(void* memory) const { cudaFree(memory); }
};
template <class T>
using DeviceArray = std::unique_ptr<T, DeviceFree>;

template <class T>
DeviceArray<T> allocate(std::size_t count) {
  void* memory = nullptr;
  check(cudaMalloc(&memory, count * sizeof(T)),
        "cannot allocate " + std::to_string(count * sizeof(T)) + " bytes");
  return DeviceArray<T>(static_cast<T*>(memory));
}

struct Event {
  cudaEvent_t handle = nullptr;
  Event() { check(cudaEventCreate(&handle), "cannot create an event"); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { cudaEventDestroy(handle); }
};

inline void record(const Event& event, cudaStream_t stream) {
  check(cudaEventRecord(event.handle, stream), "cannot record an event");
}

/// Of two events that have happened.
inline double seconds_between(const Event& start, const Event& stop) {
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, start.handle, stop.handle), "cannot read the events");
  return 1e-3 * static_cast<double>(milliseconds);
}

/// Of what `work` enqueues on the stream, and waits for it.
template <class Work>
double seconds_of(const Event& start, const Event& stop, cudaStream_t stream, Work work) {
  record(start, stream);
  work();
  record(stop, stream);
  check(cudaEventSynchronize(stop.handle), "a pass failed");
  return seconds_between(start, stop);
}

/// Keeps the stream busy while the host enqueues what is timed behind it.
__global__ void hold_kernel(long long cycles) {
  const long long start = clock64();
  while (clock64() - start < cycles) {
  }
}
constexpr long long kHoldCycles = 100000;  ///< some 50 us, in which a host launches ten kernels

struct Stream {
  cudaStream_t handle = nullptr;
  Stream() { check(cudaStreamCreate(&handle), "cannot create a stream"); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { cudaStreamDestroy(handle); }
};

struct Graph {
  cudaGraphExec_t handle = nullptr;
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() {
    if (handle != nullptr) cudaGraphExecDestroy(handle);
  }
};

/// The properties of device 0, made the current one. Throws when there is none.
inline cudaDeviceProp open_device() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess)
    throw std::runtime_error(std::string("no CUDA device: ") + cudaGetErrorString(status));
  if (count == 0) throw std::runtime_error("no CUDA device");
  cudaDeviceProp properties{};
  check(cudaSetDevice(0), "cannot use CUDA device 0");
  check(cudaGetDeviceProperties(&properties, 0), "cannot query CUDA device 0");
  return properties;
}

/// Passes that a library cannot capture are launched one by one (kNever); passes of many small
/// launches are captured however long they are (kAlways).
enum class CaptureWhen { kShort, kAlways, kNever };

class Gpu {
 public:
  const cudaDeviceProp& properties() const { return properties_; }
  cudaStream_t stream() const { return stream_.handle; }

  /// As many blocks as run at once, fewer for small work: threads walk over `items` in steps of the
  /// grid.
  template <class Kernel>
  unsigned blocks(Kernel kernel, std::size_t items) const {
    int per_multiprocessor = 0;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_multiprocessor, kernel, kThreads, 0),
          "cannot query the occupancy (was this built for another GPU?)");
    const auto resident =
        static_cast<std::size_t>(per_multiprocessor * properties_.multiProcessorCount);
    return static_cast<unsigned>(
        std::clamp((items + kThreads - 1) / kThreads, std::size_t{1}, resident));
  }

  /// `pass(set)` enqueues one pass on stream(); passes go round the sets 0 .. sets-1. Runs a few to
  /// see how long they are. `capture_when` says which passes are captured in a graph.
  template <class Pass>
  Sampler sampler(std::size_t sets, Pass pass, CaptureWhen capture_when = CaptureWhen::kShort) {
    const auto single = [this, pass, sets, set = std::size_t{0}]() mutable {
      const double seconds = timed([&] { pass(set); });
      set = (set + 1) % sets;
      return seconds;
    };
    auto pilot = single;
    double pass_s = pilot();  // the first one loads the kernel
    for (int i = 0; i < 3; ++i) pass_s = std::min(pass_s, pilot());
    if (pass_s >= kShortPass_s && capture_when != CaptureWhen::kAlways) return {"event", 1, single};
    const auto wanted = static_cast<std::size_t>(kGraph_s / std::max(pass_s, 1e-6)) + 1;
    const std::size_t repeats =
        (wanted + sets - 1) / sets * sets;  // whole rounds, or the rotation would be shorter
    if (capture_when == CaptureWhen::kNever)
      return {"event", repeats, [this, pass, sets, repeats] {
                return timed([&] {
                         for (std::size_t i = 0; i < repeats; ++i) pass(i % sets);
                       }) /
                       static_cast<double>(repeats);
              }};
    const auto graph = capture(sets, repeats, pass);
    return {"graph", repeats, [this, graph, repeats] {
              return timed([&] {
                       check(cudaGraphLaunch(graph->handle, stream()), "cannot launch a graph");
                     }) /
                     static_cast<double>(repeats);
            }};
  }

  /// One pass over set 0, captured and replayed. Throws when it cannot be captured; the stream is
  /// usable afterwards.
  template <class Pass>
  void replay(Pass pass) {
    const auto graph = capture(1, 1, pass);
    check(cudaGraphLaunch(graph->handle, stream()), "cannot launch a graph");
    synchronize();
  }

  void synchronize() const { check(cudaStreamSynchronize(stream()), "a pass failed"); }

  /// `repeats` passes that go round the sets, ready to be launched. Shared, because a std::function
  /// has to be copyable.
  template <class Pass>
  std::shared_ptr<Graph> capture(std::size_t sets, std::size_t repeats, Pass pass) const {
    cudaGraph_t recorded = nullptr;
    check(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeThreadLocal), "cannot capture");
    try {
      for (std::size_t i = 0; i < repeats; ++i) pass(i % sets);
    } catch (...) {
      cudaStreamEndCapture(stream(), &recorded);  // or the stream would go on recording
      if (recorded != nullptr) cudaGraphDestroy(recorded);
      cudaGetLastError();
      throw;
    }
    const cudaError_t ended = cudaStreamEndCapture(stream(), &recorded);
    if (ended != cudaSuccess) cudaGetLastError();  // or the next launch would be blamed for it
    check(ended, "cannot capture");
    auto graph = std::make_shared<Graph>();
    const cudaError_t status = cudaGraphInstantiateWithFlags(&graph->handle, recorded, 0);
    cudaGraphDestroy(recorded);
    check(status, "cannot instantiate a graph");
    return graph;
  }

 private:
  template <class Work>
  double timed(Work work) {
    // On an idle stream the first event would happen before the host has launched anything.
    hold_kernel<<<1, 1, 0, stream()>>>(kHoldCycles);
    check(cudaGetLastError(), "cannot launch");
    return seconds_of(start_, stop_, stream(), work);
  }

  cudaDeviceProp properties_ = open_device();  // first: where there is no device, it says so
  Stream stream_;
  Event start_, stop_;
};

}  // namespace moesim::kernels
