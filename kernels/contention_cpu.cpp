// contention on the CPU: Eigen's matrix product on one core while another core copies memory, and
// the other way round. They share the last level of cache and the way to memory. The timed thread's
// own CPU time shows how much that slows it down and leaves out the time it does not run.

#include <Eigen/Dense>
#include <atomic>
#include <cstring>
#include <memory>
#include <thread>

#include "kernels/contention.hpp"
#include "kernels/cpu_cores.hpp"
#include "kernels/cpu_device.hpp"

namespace moesim::kernels {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
constexpr std::size_t kPoolBytes = 64 * kMiB;

struct Product {
  Matrix a, w, d;
  explicit Product(const GemmShape& shape)
      : a(filled(shape.m, shape.k, kGemmSeedA)), w(filled(shape.n, shape.k, kGemmSeedW)) {}
  void run() { d.noalias() = a * w.transpose(); }

  static Matrix filled(std::size_t rows, std::size_t columns, std::uint64_t seed) {
    Matrix matrix(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns));
    for (std::size_t i = 0; i < rows * columns; ++i)
      matrix.data()[i] = random_value(i, seed, kMantissaBitsBf16);
    return matrix;
  }
};

struct Copies {
  std::vector<unsigned char> from = std::vector<unsigned char>(kPoolBytes, 0x5a);
  std::vector<unsigned char> to = std::vector<unsigned char>(kPoolBytes, 0);
  std::size_t turn = 0;
  void run(std::size_t bytes) {
    const std::size_t offset = turn++ % (kPoolBytes / bytes) * bytes;
    std::memcpy(to.data() + offset, from.data() + offset, bytes);
  }
};

/// Does the work over and over on another core for as long as it lives.
class Beside {
 public:
  template <class Work>
  Beside(int core, Work work)
      : thread_([this, core, work] {
          pin_this_thread(core);
          while (!stop_) {
            work();
            running_ = true;
          }
        }) {
    while (!running_) std::this_thread::yield();
  }
  ~Beside() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_ = false, running_ = false;
  std::thread thread_;  // last: it uses the above
};

class ContentionCpu final : public ContentionDevice {
 public:
  explicit ContentionCpu(int other_core) : other_core_(other_core) {}

  std::string name() const override { return cpu_name(); }
  std::string library() const override { return eigen_library(); }
  std::string dtype() const override { return "fp32"; }
  bool hot() const override { return true; }
  std::vector<GemmShape> shapes(bool short_mode) const override {
    if (short_mode) return {{8, 1024, 1024}};
    return {{8, 2048, 2048}, {256, 512, 1024}};
  }
  std::vector<std::string> copy_kinds() const override {
    if (other_core_ < 0) return {};
    return {"gemm_during_copy", "copy_during_gemm"};
  }
  std::vector<std::size_t> copy_bytes(bool short_mode) const override {
    if (short_mode) return {kMiB};
    return {kMiB, 16 * kMiB};
  }
  int sm_count() const override { return 1; }
  bool can_limit_sms() const override { return false; }

  void prepare(const ContentionPoint& point) override {
    point_ = point;
    product_ = std::make_unique<Product>(point.shape);
    product_->run();
    check_product(
        "contention", point.shape, kMantissaBitsBf16, [this](std::size_t row, std::size_t column) {
          return static_cast<double>(
              product_->d(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(column)));
        });
    copies_ = std::make_unique<Copies>();
    copies_->run(point.bytes);
    if (std::memcmp(copies_->from.data(), copies_->to.data(), point.bytes) != 0)
      throw std::runtime_error("contention: wrong result of a copy");
  }

  Sampler alone() override {
    if (times_gemm()) return cpu_sampler(1, [this](std::size_t) { product_->run(); });
    return cpu_sampler(1, [this](std::size_t) { copies_->run(point_.bytes); });
  }

  Sampler contended() override {
    std::shared_ptr<Beside> beside;
    if (times_gemm())
      beside = std::make_shared<Beside>(other_core_, [this] { copies_->run(point_.bytes); });
    else
      beside = std::make_shared<Beside>(other_core_, [this] { product_->run(); });
    Sampler sampler = alone();
    sampler.run_once = [run = sampler.run_once, beside] { return run(); };
    return sampler;
  }

 private:
  bool times_gemm() const { return point_.kind == "gemm_during_copy"; }

  int other_core_;
  ContentionPoint point_;
  std::unique_ptr<Product> product_;
  std::unique_ptr<Copies> copies_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_main(argc, argv, [](const Options& options, std::ostream& out) {
    const std::vector<int> cores = usable_cores();
    prepare_cpu();
    int other = -1;  // a core besides the one this thread is on
    for (const int core : cores)
      if (core != sched_getcpu()) other = core;
    if (other < 0) std::cerr << "contention: one core is not enough, nothing is measured\n";
    ContentionCpu cpu(other);
    run_contention(cpu, options, out);
  });
}
