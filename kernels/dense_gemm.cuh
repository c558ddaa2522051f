// One dense matrix product on cublasLt as a load or as a victim: matrices of its own, the
// heuristic's first choice, bf16 or fp8 (e4m3) inputs, bf16 output. All memory, the workspace too,
// is taken at construction, so that run() is nothing but the launch. How fast products of many
// shapes are is another operation (gemm).
#pragma once

#include <string>
#include <vector>

#include "kernels/cublas.cuh"

namespace moesim::kernels {

class DenseGemm {
 public:
  /// `sms`: how many multiprocessors the kernel should count on; 0: all.
  DenseGemm(const Gpu& gpu, bool fp8, const GemmShape& shape, int sms = 0)
      : gpu_(gpu),
        fp8_(fp8),
        shape_(shape),
        product_(lt_, fp8 ? "fp8" : "bf16", shape, counting_on(sms)),
        a_(filled(shape.m * shape.k, kGemmSeedA)),
        w_(filled(shape.n * shape.k, kGemmSeedW)),
        d_(allocate<Bf16>(shape.m * shape.n)) {
    if (product_.algorithms() == 0)
      throw std::runtime_error("cublasLt has no kernel for this product");
    gpu_.synchronize();
  }

  const GemmShape& shape() const { return shape_; }

  void run(cudaStream_t stream) { product_.run(0, a_.get(), w_.get(), d_.get(), stream); }

  /// Runs once and compares a sample of the results with a float64 sum; throws when one is wrong.
  void check_result(const std::string& op) {
    const std::size_t size = shape_.m * shape_.n;
    check(cudaMemsetAsync(d_.get(), 0xff, size * sizeof(Bf16), gpu_.stream()),
          "cannot clear the result");
    run(gpu_.stream());
    const std::vector<Bf16> result = fetch_array(gpu_, d_.get(), size);
    check_product(op, shape_, mantissa_bits(), [&](std::size_t row, std::size_t column) {
      return static_cast<double>(__bfloat162float(result[row * shape_.n + column]));
    });
  }

 private:
  static LtOptions counting_on(int sms) {
    LtOptions options;
    options.sms = sms;
    return options;
  }

  int mantissa_bits() const { return fp8_ ? kMantissaBitsE4m3 : kMantissaBitsBf16; }

  DeviceArray<unsigned char> filled(std::size_t size, std::uint64_t seed) const {
    const ExactValues values{seed, mantissa_bits()};
    auto memory = allocate<unsigned char>(size * (fp8_ ? sizeof(Fp8) : sizeof(Bf16)));
    if (fp8_)
      fill_array(gpu_, reinterpret_cast<Fp8*>(memory.get()), size, values);
    else
      fill_array(gpu_, reinterpret_cast<Bf16*>(memory.get()), size, values);
    return memory;
  }

  const Gpu& gpu_;
  bool fp8_;
  GemmShape shape_;
  CublasLt lt_;
  LtMatmul product_;
  DeviceArray<unsigned char> a_, w_;
  DeviceArray<Bf16> d_;
};

}  // namespace moesim::kernels
