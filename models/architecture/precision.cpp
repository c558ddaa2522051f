#include "models/architecture/precision.hpp"

namespace moesim {

const std::vector<std::string>& names_of(Dtype) {
  static const std::vector<std::string> names{"fp32",  "bf16",  "fp16", "fp8",    "int8",
                                              "mxfp4", "nvfp4", "int4", "ternary"};
  return names;
}

double element_bits(Dtype dtype) {
  switch (dtype) {
    case Dtype::fp32:
      return 32;
    case Dtype::bf16:
    case Dtype::fp16:
      return 16;
    case Dtype::fp8:
    case Dtype::int8:
      return 8;
    case Dtype::mxfp4:
    case Dtype::nvfp4:
    case Dtype::int4:
      return 4;
    // -1, 0 or 1, packed in two bits: so MoTE (arXiv 2506.14435) has 6.8 and 3.4 GiB of experts.
    case Dtype::ternary:
      return 2;
  }
  return 0;
}

double stored_bits(Dtype dtype) {
  switch (dtype) {
    // One fp32 scale per 128 x 128 block: DeepSeek-V3, arXiv 2412.19437 section 3.3.2;
    // weight_block_size in its config.
    case Dtype::fp8:
      return 8 + 32.0 / (128 * 128);
    // One 8-bit exponent per 32 values: OCP Microscaling Formats (MX) Specification v1.0, Table
    // 1; 4.25 bits in the gpt-oss model card, arXiv 2508.10925 section 2.1.
    case Dtype::mxfp4:
      return 4 + 8.0 / 32;
    // One fp8 scale per 16 values: "Introducing NVFP4 for Efficient and Accurate Low-Precision
    // Inference", NVIDIA Technical Blog, 2025-06-24 (its one fp32 scale per tensor is below 0.1 %).
    case Dtype::nvfp4:
      return 4 + 8.0 / 16;
    // One fp16 scale per group of 128, symmetric (no zero points): MARLIN, arXiv 2408.11743.
    case Dtype::int4:
      return 4 + 16.0 / 128;
    default:
      return element_bits(dtype);
  }
}

const Parameters<Precision>& Precision::parameters() {
  static const auto list =
      Parameters<Precision>()
          .optional("attention", &Precision::attention, "attention matrices")
          .optional("dense", &Precision::dense, "feed-forward of the layers that are not MoE")
          .optional("experts", &Precision::experts, "routed experts")
          .optional("shared", &Precision::shared, "shared experts")
          .optional("embedding", &Precision::embedding, "embedding, LM head, norms and biases")
          .optional("router", &Precision::router, "router matrices")
          .optional("kv_cache", &Precision::kv_cache, "key-value cache")
          .optional("activations", &Precision::activations, "hidden states between operations");
  return list;
}

const Parameters<PrecisionOverride>& PrecisionOverride::parameters() {
  using Self = PrecisionOverride;
  static const auto list =
      Parameters<Self>()
          .optional("weights", &Self::weights,
                    "attention, dense, experts and shared experts together")
          .optional("attention", &Self::attention, "attention matrices")
          .optional("dense", &Self::dense, "feed-forward of the layers that are not MoE")
          .optional("experts", &Self::experts, "routed experts")
          .optional("shared", &Self::shared, "shared experts")
          .optional("embedding", &Self::embedding, "embedding, LM head, norms and biases")
          .optional("router", &Self::router, "router matrices")
          .optional("kv_cache", &Self::kv_cache, "key-value cache")
          .optional("activations", &Self::activations, "hidden states between operations");
  return list;
}

Precision PrecisionOverride::apply_to(Precision p) const {
  p.attention = attention.value_or(weights.value_or(p.attention));
  p.dense = dense.value_or(weights.value_or(p.dense));
  p.experts = experts.value_or(weights.value_or(p.experts));
  p.shared = shared.value_or(weights.value_or(p.shared));
  p.embedding = embedding.value_or(p.embedding);
  p.router = router.value_or(p.router);
  p.kv_cache = kv_cache.value_or(p.kv_cache);
  p.activations = activations.value_or(p.activations);
  return p;
}

}  // namespace moesim
