// host_copy on one CPU thread: memcpy between two arenas of the heap stands for the link.

#include <cstring>

#include "kernels/cpu_device.hpp"
#include "kernels/host_copy.hpp"

namespace moesim::kernels {
namespace {

class CopyCpu final : public RotatingOnCpu<CopyDevice> {
 public:
  std::string library() const override { return "memcpy"; }
  std::size_t memory_bytes() const override { return cpu_memory_bytes() / 4; }  // four pools
  bool has_link() const override { return false; }
  bool has_batch() const override { return false; }

  void prepare(std::size_t pool_bytes) override {
    const auto fill = [pool_bytes](std::vector<std::uint64_t>& words, std::uint64_t seed) {
      words.resize(pool_bytes / 8);
      for (std::size_t i = 0; i < words.size(); ++i) words[i] = copied_word(i, seed);
    };
    fill(host_, kHostSeed);
    fill(device_, kDeviceSeed);
    host_target_.assign(pool_bytes / 8, kUntouched);
    device_target_.assign(pool_bytes / 8, kUntouched);
  }

  void run(const CopyPoint& point, const std::vector<Piece>& pieces) override {
    for (const Piece& piece : pieces) {
      const std::size_t host = piece.host / 8, device = piece.device / 8;
      if (point.direction != Direction::kToHost)
        std::memcpy(device_target_.data() + device, host_.data() + host, piece.bytes);
      if (point.direction != Direction::kToDevice)
        std::memcpy(host_target_.data() + host, device_.data() + device, piece.bytes);
    }
  }

  std::vector<std::uint64_t> target(Direction direction, HostMemory) override {
    return direction == Direction::kToDevice ? device_target_ : host_target_;
  }

  Sampler sampler(const CopyPoint& point, const std::vector<std::vector<Piece>>& pieces) override {
    return cpu_sampler(pieces.size(),
                       [this, point, pieces](std::size_t set) { run(point, pieces[set]); });
  }

 private:
  std::vector<std::uint64_t> host_, device_, host_target_, device_target_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<CopyCpu>(argc, argv, run_host_copy, prepare_cpu);
}
