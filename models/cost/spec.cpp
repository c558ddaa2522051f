// Tier `spec`: a roofline from the data sheet. Works for any device and knows nothing about its
// kernels; expect
// +-60 %. The efficiencies are not the device's: they are typical values of measured libraries on
// other GPUs (sources at each parameter; "AIC" are the MoE, GEMM and attention tables of
// aiconfigurator @095f58a51c4c, Apache-2.0), so that a roofline is not optimistic by the factor
// every library loses.
#include <algorithm>
#include <cmath>

#include "models/cost/compute_format.hpp"
#include "models/cost/cost_model.hpp"
#include "models/cost/work.hpp"

namespace moesim {
namespace {

class Spec final : public CostModel {
 public:
  struct Config {
    double gemm_compute = 0.77;
    double gemm_memory = 0.8;
    Seconds gemm_floor{3e-6};
    double expert_compute = 0.41;
    double expert_memory = 0.89;
    double expert_token_memory = 0.29;
    Seconds expert_floor{26e-6};
    std::int64_t expert_tile = 16;
    double attention_compute = 0.59;
    double attention_memory = 0.9;
    Seconds attention_floor{10e-6};
    double elementwise_memory = 0.8;
    Seconds elementwise_floor{3e-6};
    static const Parameters<Config>& parameters();
    void check(const Node& at) const {
      if ((expert_tile & (expert_tile - 1)) != 0)
        throw InputError(
            at.where, "expert_tile must be a power of two, found " + std::to_string(expert_tile));
    }
  };

  Spec(const Config& config, const Context& context) : c_(config), device_(context.device) {}

  Prediction gemm(const Gemm& g) const override {
    if (g.m <= 0 || g.n <= 0 || g.k <= 0) return {};
    const double m = static_cast<double>(g.m), n = static_cast<double>(g.n),
                 k = static_cast<double>(g.k);
    const Seconds compute = Flop(2 * m * n * k) / (peak(g.weight) * c_.gemm_compute);
    const Bytes moved(n * k * stored_bytes_of(g.weight) + m * (n + k) * bytes_of(g.activation));
    const Seconds memory = moved / (device_.memory_bandwidth * c_.gemm_memory);
    return {c_.gemm_floor + std::max(compute, memory)};
  }

  // Form M3: floor + p-norm (p = 2) of padded compute and bytes of the *active* experts, + bytes of
  // the tokens.
  Prediction experts(const ExpertWork& w) const override {
    std::int64_t active = 0, padded = 0, assigned = 0;
    for (const std::int64_t count : w.tokens_per_expert) {
      active += count > 0;
      assigned += count;
      padded += (count + c_.expert_tile - 1) & -c_.expert_tile;
    }
    if (assigned == 0) return {};
    const double matrices = w.gated ? 3 : 2;
    const double weights =
        matrices * static_cast<double>(w.hidden) * static_cast<double>(w.intermediate);
    const Seconds compute =
        Flop(2 * weights * static_cast<double>(padded)) / (peak(w.weight) * c_.expert_compute);
    const Seconds memory =
        Bytes(weights * stored_bytes_of(w.weight) * static_cast<double>(active)) /
        (device_.memory_bandwidth * c_.expert_memory);
    const double per_token =
        static_cast<double>(2 * w.hidden + 2 * w.intermediate) * bytes_of(w.activation);
    const Seconds tokens = Bytes(per_token * static_cast<double>(assigned)) /
                           (device_.memory_bandwidth * c_.expert_token_memory);
    return {c_.expert_floor +
            Seconds(std::sqrt(compute.value * compute.value + memory.value * memory.value)) +
            tokens};
  }

  Prediction attention(const AttentionShape& s, const AttentionLoad& load) const override {
    Seconds total(0);
    if (load.decode_sequences > 0) total += c_.attention_floor + decode(s, load);
    if (load.prefill_tokens > 0) total += c_.attention_floor + prefill(s, load);
    return {total};
  }

  Prediction elementwise(Bytes moved, int kernels) const override {
    return {static_cast<double>(kernels) * c_.elementwise_floor +
            moved / (device_.memory_bandwidth * c_.elementwise_memory)};
  }

 private:
  FlopPerSecond peak(Dtype weight) const { return compute_rate(device_, weight); }

  // MLA decodes in its absorbed form: every head attends to the shared latent (arXiv 2405.04434
  // section 2.1.2).
  Seconds decode(const AttentionShape& s, const AttentionLoad& load) const {
    const bool latent = s.kind == AttentionKind::kMultiHeadLatent;
    const auto width = static_cast<double>(latent ? s.kv_lora_rank + s.qk_rope_head_dim
                                                  : 2 * s.kv_heads * s.head_dim);
    const auto per_pair = static_cast<double>(
        latent ? s.heads * (2 * s.kv_lora_rank + s.qk_rope_head_dim) : s.heads * 2 * s.head_dim);
    const Seconds memory = Bytes(width * bytes_of(s.kv) * load.decode_context) /
                           (device_.memory_bandwidth * c_.attention_memory);
    const Seconds compute =
        Flop(2 * per_pair * load.decode_context) / (peak(Dtype::bf16) * c_.attention_compute);
    return std::max(memory, compute);
  }

  Seconds prefill(const AttentionShape& s, const AttentionLoad& load) const {
    const bool latent = s.kind == AttentionKind::kMultiHeadLatent;
    const auto per_pair = static_cast<double>(
        s.heads *
        (latent ? s.qk_nope_head_dim + s.qk_rope_head_dim + s.v_head_dim : 2 * s.head_dim));
    const auto width = static_cast<double>(
        latent ? s.heads * (s.qk_nope_head_dim + s.qk_rope_head_dim + s.v_head_dim)
               : 2 * s.kv_heads * s.head_dim);
    const Seconds compute =
        Flop(2 * per_pair * load.prefill_pairs) / (peak(Dtype::bf16) * c_.attention_compute);
    const Seconds memory = Bytes(width * bytes_of(s.kv) * load.prefill_context) /
                           (device_.memory_bandwidth * c_.attention_memory);
    return std::max(compute, memory);
  }

  Config c_;
  Device device_;
};

const Parameters<Spec::Config>& Spec::Config::parameters() {
  static const auto list =
      Parameters<Config>()
          .optional("gemm_compute", &Config::gemm_compute,
                    "share of peak FLOP/s a large GEMM reaches (H100 bf16: 763 of 989 TFLOP/s in "
                    "the AIC tables)")
          .above(0)
          .max(1)
          .optional("gemm_memory", &Config::gemm_memory,
                    "share of peak bandwidth a weight-streaming GEMM reaches (fits of the AIC GEMM "
                    "tables: 0.8)")
          .above(0)
          .max(1)
          .optional("gemm_floor", &Config::gemm_floor,
                    "time of the smallest GEMM (same fits: 3 us)")
          .min(0)
          .optional("expert_compute", &Config::expert_compute,
                    "share of peak FLOP/s in grouped GEMMs (median of four fits of the AIC MoE "
                    "tables, 0.34-0.55)")
          .above(0)
          .max(1)
          .optional("expert_memory", &Config::expert_memory,
                    "share of peak bandwidth reading active experts (median of the same fits)")
          .above(0)
          .max(1)
          .optional(
              "expert_token_memory", &Config::expert_token_memory,
              "share of peak bandwidth moving tokens through permute and activation (same fits)")
          .above(0)
          .max(1)
          .optional("expert_floor", &Config::expert_floor,
                    "time of an MoE layer with next to no work (same fits)")
          .min(0)
          .optional("expert_tile", &Config::expert_tile,
                    "rows an expert's tokens are padded to (same fits: 8-32; libraries switch to "
                    "small tiles)")
          .min(1)
          .optional("attention_compute", &Config::attention_compute,
                    "share of peak bf16 FLOP/s in prefill attention (FA3 fits: 0.52-0.66)")
          .above(0)
          .max(1)
          .optional(
              "attention_memory", &Config::attention_memory,
              "share of peak bandwidth in decode attention (fits: 0.88-0.94 at full parallelism)")
          .above(0)
          .max(1)
          .optional("attention_floor", &Config::attention_floor,
                    "time of the smallest attention (fits: 8-14 us)")
          .min(0)
          .optional(
              "elementwise_memory", &Config::elementwise_memory,
              "share of peak bandwidth of element-wise kernels (aiconfigurator system files: 0.8)")
          .above(0)
          .max(1)
          .optional("elementwise_floor", &Config::elementwise_floor,
                    "time of the smallest element-wise kernel (aiconfigurator system files: 3 us)")
          .min(0);
  return list;
}

const Register<CostModel, Spec> spec_registered(
    "spec", "roofline from the data sheet with typical efficiencies");

}  // namespace
}  // namespace moesim
