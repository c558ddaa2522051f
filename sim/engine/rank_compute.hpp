// What one tensor-parallel GPU of a data rank computes in a step, apart from the routed experts:
// attention by its own batch, norms, router, shared experts, dense feed-forward, LM head. Shapes
// are those after tensor parallelism. GEMMs come again with every layer and step that has as many
// tokens, so their predictions are kept: not for several threads.
#pragma once

#include <array>
#include <map>

#include "models/architecture/architecture.hpp"
#include "models/cost/cost_model.hpp"
#include "sim/engine/parallel.hpp"
#include "sim/engine/step.hpp"

namespace moesim {

/// Sum of predictions; remembers how much of it no measurement backs.
struct Time {
  Seconds total{0};
  Seconds unmeasured{0};
  Time& operator+=(const Prediction& p) {
    total += p.time;
    if (!p.measured) unmeasured += p.time;
    return *this;
  }
};

class RankCompute {
 public:
  RankCompute(const Architecture& model, const Precision& precision, const Layout& layout,
              const CostModel& cost);

  /// Attention block of one layer: projections and core.
  Time attention(const RankBatch& batch, std::int64_t window) const;
  /// The two norms (with residual add) of a layer.
  Time norms(const RankBatch& batch) const;
  Time router(const RankBatch& batch) const;
  Time shared_experts(const RankBatch& batch) const;
  Time dense_ffn(const RankBatch& batch) const;
  /// A narrow feed-forward beside the experts, in their number format; `intermediate` before tensor
  /// parallelism.
  Time small_feed_forward(std::int64_t tokens, std::int64_t intermediate) const;
  /// Final norm and LM head on the rows that emit a token.
  Time lm_head(const RankBatch& batch) const;

 private:
  Time feed_forward(std::int64_t tokens, std::int64_t intermediate, bool gated, Dtype weight) const;
  Time latent_projections(const RankBatch& batch) const;
  Time grouped_projections(const RankBatch& batch) const;
  Prediction gemm(std::int64_t m, std::int64_t n, std::int64_t k, Dtype weight) const;
  using Kind = Prediction (CostModel::*)(const Gemm&) const;
  Prediction remembered(Kind kind, const Gemm& gemm) const;

  const Architecture& model_;
  const Precision& precision_;
  const CostModel& cost_;
  std::int64_t tensor_;
  AttentionShape shape_;
  struct Asked {
    Kind kind = nullptr;
    Gemm gemm;
    Prediction answer;
  };
  mutable std::array<Asked, 256> asked_;  ///< by what is asked; a newer one takes its place
};

/// What a batch attends to in a layer with `window` (0: everything).
AttentionLoad attention_load(const RankBatch& batch, std::int64_t window);

}  // namespace moesim
