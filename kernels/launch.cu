// launch on one CUDA GPU. Events give the device's view of a train of empty kernels; the host's
// steady clock gives what the calling thread pays to enqueue it and to wait for it.

#include <chrono>
#include <map>
#include <memory>

#include "kernels/gpu.cuh"
#include "kernels/launch.hpp"

namespace moesim::kernels {
namespace {

/// Does nothing; given a counter, it shows that it ran.
__global__ void empty_kernel(unsigned* counter) {
  if (counter != nullptr) atomicAdd(counter, 1U);
}

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class LaunchGpu final : public LaunchDevice {
 public:
  LaunchGpu() { counter_ = allocate<unsigned>(1); }

  std::string name() const override { return gpu_.properties().name; }
  std::string library() const override { return cuda_version(); }

  std::vector<std::string> kinds() const override {
    return {"stream_launch", "graph_node",   "host_launch",
            "graph_launch",  "event_record", "host_sync"};
  }

  std::size_t count(const std::string& kind, std::size_t nodes) override {
    check(cudaMemsetAsync(counter_.get(), 0, sizeof(unsigned), gpu_.stream()), "cannot clear");
    timed(kind, nodes, counter_.get());
    // Recording events runs no kernel; that the event was reached is what there is to see.
    if (kind == "event_record") return cudaEventQuery(mark_.handle) == cudaSuccess ? nodes : 0;
    unsigned ran = 0;
    check(cudaMemcpyAsync(&ran, counter_.get(), sizeof ran, cudaMemcpyDeviceToHost, gpu_.stream()),
          "cannot fetch the counter");
    check(cudaStreamSynchronize(gpu_.stream()), "an empty kernel failed");
    return ran;
  }

  Sampler sampler(const std::string& kind, std::size_t nodes) override {
    const bool events = kind == "stream_launch" || kind == "graph_node";
    return {events ? "event" : "wall", 1,
            [this, kind, nodes] { return timed(kind, nodes, nullptr); }};
  }

 private:
  /// Seconds of `nodes` operations; the stream is idle before and after.
  double timed(const std::string& kind, std::size_t nodes, unsigned* counter) {
    if (kind == "stream_launch") return between_events([&] { launch(nodes, counter); });
    if (kind == "graph_node") {
      const cudaGraphExec_t graph = graph_of(nodes, counter);
      return between_events([&] { replay(graph); });
    }
    if (kind == "host_launch") return on_the_host([&] { launch(nodes, counter); });
    if (kind == "graph_launch") {
      const cudaGraphExec_t graph = graph_of(nodes, counter);
      return on_the_host([&] { replay(graph); });
    }
    if (kind == "event_record")
      return on_the_host([&] {
        for (std::size_t i = 0; i < nodes; ++i) record(mark_, gpu_.stream());
      });
    if (kind == "host_sync")
      return on_the_host([&] {
        for (std::size_t i = 0; i < nodes; ++i) {
          launch(1, counter);
          check(cudaStreamSynchronize(gpu_.stream()), "an empty kernel failed");
        }
      });
    throw std::logic_error("no kind of launch is called " + kind);
  }

  void launch(std::size_t nodes, unsigned* counter) {
    for (std::size_t i = 0; i < nodes; ++i) {
      empty_kernel<<<1, 32, 0, gpu_.stream()>>>(counter);
      check(cudaGetLastError(), "cannot launch");
    }
  }

  void replay(cudaGraphExec_t graph) {
    check(cudaGraphLaunch(graph, gpu_.stream()), "cannot launch a graph");
  }

  template <class Work>
  double between_events(Work work) {
    return seconds_of(start_, stop_, gpu_.stream(), work);
  }

  template <class Work>
  double on_the_host(Work work) {
    const double start = now_s();
    work();
    const double end = now_s();
    check(cudaStreamSynchronize(gpu_.stream()), "an empty kernel failed");
    return end - start;
  }

  /// Made at the first call, which is outside every timed part.
  cudaGraphExec_t graph_of(std::size_t nodes, unsigned* counter) {
    std::shared_ptr<Graph>& graph = graphs_[{nodes, counter != nullptr}];
    if (graph != nullptr) return graph->handle;
    graph = gpu_.capture(1, 1, [&](std::size_t) { launch(nodes, counter); });
    check(cudaGraphUpload(graph->handle, gpu_.stream()), "cannot upload a graph");
    check(cudaStreamSynchronize(gpu_.stream()), "cannot upload a graph");
    return graph->handle;
  }

  Gpu gpu_;  // first: where there is no device, it says so
  DeviceArray<unsigned> counter_;
  Event start_, stop_, mark_;
  std::map<std::pair<std::size_t, bool>, std::shared_ptr<Graph>> graphs_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<LaunchGpu>(argc, argv, run_launch);
}
