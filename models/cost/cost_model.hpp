// Slot: what an operation costs on one device.
// Life cycle: built once per run with the device; every method is a pure function of its arguments
// and is called for every phase of every step, so it must be cheap (well under a microsecond).
// Contract: times are positive and finite for positive work, zero for none, and do not shrink when
// work grows. A prediction says which tier it came from and whether it lies inside the measured
// range (the trust region). Knows no network and no schedule.
#pragma once

#include <cstdint>
#include <span>

#include "models/architecture/architecture.hpp"
#include "models/architecture/precision.hpp"
#include "models/device/device.hpp"
#include "sim/core/quantity.hpp"
#include "sim/core/registry.hpp"

namespace moesim {

enum class CostTier { spec, fit, residual };
const std::vector<std::string>& names_of(CostTier);

struct Prediction {
  Seconds time;
  CostTier tier = CostTier::spec;
  bool measured = false;  ///< inside the range of measurements behind it
};

/// [m x k] times [k x n].
struct Gemm {
  std::int64_t m = 0, n = 0, k = 0;
  Dtype weight = Dtype::bf16;
  Dtype activation = Dtype::bf16;
  bool operator==(const Gemm&) const = default;
};

/// The routed experts of one MoE layer on one rank: top-k, permute, two grouped GEMMs with
/// activation, weighted sum.
struct ExpertWork {
  std::int64_t hidden = 0;
  std::int64_t intermediate = 0;  ///< on this rank, after tensor parallelism
  bool gated = true;
  Dtype weight = Dtype::bf16;
  Dtype activation = Dtype::bf16;
  std::int64_t tokens = 0;                          ///< entering the layer on this rank
  std::span<const std::int32_t> tokens_per_expert;  ///< of every local expert, idle ones included
  /// Of the model: routed experts of a layer, and how many a token chooses; 0: not known.
  std::int64_t experts = 0, topk = 0;
};

/// The attention of one layer on one rank, after tensor parallelism.
struct AttentionShape {
  AttentionKind kind = AttentionKind::kGroupedQuery;
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0;
  std::int64_t kv_lora_rank = 0, qk_nope_head_dim = 0, qk_rope_head_dim = 0, v_head_dim = 0;
  Dtype kv = Dtype::bf16;
  Dtype activation = Dtype::bf16;
};

/// What one step attends to in one layer; windows are already applied.
struct AttentionLoad {
  std::int64_t decode_sequences = 0;
  double decode_context = 0;           ///< cached tokens read, summed over the decoding sequences
  double prefill_tokens = 0;           ///< query tokens
  double prefill_pairs = 0;            ///< query-key pairs, causal mask applied
  double prefill_context = 0;          ///< keys read by the prefill chunks
  std::int64_t prefill_sequences = 0;  ///< chunks of prefill; 0 with tokens: taken as one
};

class CostModel {
 public:
  static constexpr SlotInfo slot{"cost tier", "what an operation costs on one device"};
  struct Context {
    Device device;
  };

  virtual ~CostModel() = default;
  virtual Prediction gemm(const Gemm& gemm) const = 0;
  /// The gate of an MoE layer, its n columns the experts. experts() covers the choice of experts; a
  /// tier whose gates were measured together with their choice answers both here.
  virtual Prediction router(const Gemm& scores) const { return gemm(scores); }
  virtual Prediction experts(const ExpertWork& work) const = 0;
  virtual Prediction attention(const AttentionShape& shape, const AttentionLoad& load) const = 0;
  /// Element-wise work (norms, activations, residual adds) that reads and writes `moved` in
  /// `kernels` kernels.
  virtual Prediction elementwise(Bytes moved, int kernels) const = 0;
};

}  // namespace moesim
