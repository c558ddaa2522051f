// In how many bits a model is kept and moved: the number formats with the scales they carry, and
// which part of a model uses which. Defaults come with the model (its checkpoint); a scenario may
// override any part. Not modelled: per-tensor and per-channel scales (one value per matrix or row:
// below 0.1 %), and formats that mix bits within one part.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/core/parameters.hpp"

namespace moesim {

enum class Dtype { fp32, bf16, fp16, fp8, int8, mxfp4, nvfp4, int4, ternary };
const std::vector<std::string>& names_of(Dtype);

/// Bits of one value alone, as in a KV cache or an activation.
double element_bits(Dtype dtype);

/// Bits of one stored weight, block scales included; sources in precision.cpp.
double stored_bits(Dtype dtype);

struct Precision {
  Dtype attention = Dtype::bf16;
  Dtype dense = Dtype::bf16;    ///< feed-forward of the layers that are not MoE
  Dtype experts = Dtype::bf16;  ///< routed experts
  Dtype shared = Dtype::bf16;   ///< shared experts
  Dtype embedding =
      Dtype::bf16;  ///< embedding, LM head, norms, biases: what quantisation leaves alone
  Dtype router = Dtype::bf16;
  Dtype kv_cache = Dtype::bf16;
  Dtype activations = Dtype::bf16;  ///< hidden states between operations

  static const Parameters<Precision>& parameters();
  bool operator==(const Precision&) const = default;
};

/// A scenario's changes to a model's Precision; what is absent stays as the model has it.
struct PrecisionOverride {
  std::optional<Dtype>
      weights;  ///< attention, dense, experts and shared together; the single ones win
  std::optional<Dtype> attention, dense, experts, shared, embedding, router, kv_cache, activations;

  static const Parameters<PrecisionOverride>& parameters();
  Precision apply_to(Precision precision) const;
};

}  // namespace moesim
