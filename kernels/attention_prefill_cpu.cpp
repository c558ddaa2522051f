// attention_prefill on one CPU thread, written with Eigen in fp32: the twin of attention_prefill.cu
// where there is no GPU. Blocks of queries against all tokens they may see, so that scores stay in
// the cache.

#include <limits>

#include "kernels/attention_prefill.hpp"
#include "kernels/cpu_device.hpp"

namespace moesim::kernels {
namespace {

constexpr Eigen::Index kDim = static_cast<Eigen::Index>(kPrefillDim);
constexpr Eigen::Index kQueries = 64;  ///< in a block

class PrefillCpu final : public RotatingOnCpu<PrefillDevice> {
 public:
  std::string dtype() const override { return "fp32"; }

  void fill(const PrefillShape& shape, std::size_t sets, std::uint64_t seed) override {
    in_.fill(shape.input_elements() * sets, seed, shape.mantissa_bits());
    out_.setConstant(static_cast<Eigen::Index>(shape.query_elements() * sets),
                     std::numeric_limits<float>::quiet_NaN());
    scores_.resize(kQueries, static_cast<Eigen::Index>(shape.tokens));
  }

  void run(const PrefillShape& shape, std::size_t set) override {
    const auto tokens = static_cast<Eigen::Index>(shape.tokens);
    const auto heads = static_cast<Eigen::Index>(shape.heads);
    const auto kv_heads = static_cast<Eigen::Index>(shape.kv_heads);
    const float* queries = in_.data() + set * shape.input_elements();
    const float* keys = queries + shape.query_elements();
    const float* values = keys + shape.key_elements();
    float* out = out_.data() + set * shape.query_elements();
    for (Eigen::Index row = 0; row < static_cast<Eigen::Index>(shape.batch) * heads; ++row) {
      const Eigen::Index sequence = row / heads, head = row % heads;
      const Eigen::Index query = (sequence * tokens * heads + head) * kDim;
      const Eigen::Index key = (sequence * tokens * kv_heads + head / (heads / kv_heads)) * kDim;
      attend(Rows(queries + query, tokens, kDim, Eigen::OuterStride<>(heads * kDim)),
             Rows(keys + key, tokens, kDim, Eigen::OuterStride<>(kv_heads * kDim)),
             Rows(values + key, tokens, kDim, Eigen::OuterStride<>(kv_heads * kDim)),
             Output(out + query, tokens, kDim, Eigen::OuterStride<>(heads * kDim)));
    }
  }

  std::vector<float> output(const PrefillShape& shape, std::size_t set) override {
    const float* first = out_.data() + set * shape.query_elements();
    return {first, first + shape.query_elements()};
  }

  Sampler sampler(const PrefillShape& shape, std::size_t sets) override {
    return cpu_sampler(sets, [this, shape](std::size_t set) { run(shape, set); });
  }

 private:
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Rows = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;
  using Output = Eigen::Map<Matrix, 0, Eigen::OuterStride<>>;

  void attend(const Rows& q, const Rows& k, const Rows& v, Output out) {
    const auto scale = static_cast<float>(prefill_scale());
    for (Eigen::Index first = 0; first < q.rows(); first += kQueries) {
      const Eigen::Index count = std::min(kQueries, q.rows() - first), end = first + count;
      auto scores = scores_.topLeftCorner(count, end);
      scores.noalias() = q.middleRows(first, count) * k.topRows(end).transpose();
      for (Eigen::Index i = 0; i < count; ++i) {
        const Eigen::Index seen = first + i + 1;
        auto score = scores.row(i).head(seen).array();
        const float largest = score.maxCoeff();
        score = ((score - largest) * scale).exp();
        score /= score.sum();
        scores.row(i).tail(end - seen).setZero();
      }
      out.middleRows(first, count).noalias() = scores * v.topRows(end);
    }
  }

  ExactArray in_;
  Eigen::VectorXf out_;
  Matrix scores_;
};

}  // namespace
}  // namespace moesim::kernels

int main(int argc, char** argv) {
  using namespace moesim::kernels;
  return benchmark_device<PrefillCpu>(argc, argv, run_prefill, prepare_cpu);
}
