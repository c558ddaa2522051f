// Decode attention on one CPU thread, written with Eigen in fp32: both twins of the CUDA programs.
// The heads that share keys are the rows of one matrix product, so that the cache is read once for
// all of them, as on the GPU. Never splits the context.
#pragma once

#include "kernels/attention_decode.hpp"
#include "kernels/cpu_device.hpp"

namespace moesim::kernels {

class DecodeCpu final : public RotatingOnCpu<DecodeDevice> {
 public:
  std::vector<std::string> kv_dtypes() const override { return {"fp32"}; }
  std::size_t splits(const DecodeShape&) const override { return 1; }

  void fill(const DecodeShape& shape, std::size_t sets, std::uint64_t seed) override {
    cache_.fill(shape.kv_elements() * sets, seed, kMantissaBitsFp32);
    queries_.resize(static_cast<Eigen::Index>(shape.query_elements()));
    for (Eigen::Index i = 0; i < queries_.size(); ++i)
      queries_[i] = random_value(static_cast<std::size_t>(i), query_seed(seed), kMantissaBitsFp32);
    out_.setConstant(static_cast<Eigen::Index>(shape.output_elements()),
                     std::numeric_limits<float>::quiet_NaN());
    scores_.resize(static_cast<Eigen::Index>(shape.heads / shape.kv_heads),
                   static_cast<Eigen::Index>(shape.context));
  }

  void run(const DecodeShape& shape, std::size_t, std::size_t set) override {
    const auto tokens = static_cast<Eigen::Index>(shape.context);
    const auto width = static_cast<Eigen::Index>(shape.key_dim());
    const auto value_dim = static_cast<Eigen::Index>(shape.value_dim);
    const auto group = static_cast<Eigen::Index>(shape.heads / shape.kv_heads);
    const auto parts = static_cast<Eigen::Index>(shape.batch * shape.kv_heads);
    const float* keys = cache_.data() + set * shape.kv_elements();
    const float* values = shape.mla ? keys : keys + parts * tokens * width;
    for (Eigen::Index part = 0; part < parts; ++part) {
      const Cached k(keys + part * tokens * width, tokens, width, Eigen::OuterStride<>(width));
      const Cached v(values + part * tokens * width, tokens, value_dim,
                     Eigen::OuterStride<>(width));
      const Eigen::Map<const Matrix> q(queries_.data() + part * group * width, group, width);
      Eigen::Map<Matrix> out(out_.data() + part * group * value_dim, group, value_dim);
      attend(q, k, v, static_cast<float>(shape.softmax_scale()), out);
    }
  }

  std::vector<float> output(const DecodeShape&) override {
    return {out_.data(), out_.data() + out_.size()};
  }

  Sampler sampler(const DecodeShape& shape, std::size_t splits, std::size_t sets) override {
    return cpu_sampler(sets, [this, shape, splits](std::size_t set) { run(shape, splits, set); });
  }

 private:
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Cached = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;

  void attend(const Eigen::Map<const Matrix>& q, const Cached& k, const Cached& v, float scale,
              Eigen::Map<Matrix>& out) {
    scores_.noalias() = q * k.transpose();
    for (Eigen::Index row = 0; row < scores_.rows(); ++row) {
      auto score = scores_.row(row).array();
      const float largest = score.maxCoeff();
      score = ((score - largest) * scale).exp();
      score /= score.sum();
    }
    out.noalias() = scores_ * v;
  }

  ExactArray cache_;
  Eigen::VectorXf queries_, out_;
  Matrix scores_;
};

}  // namespace moesim::kernels
