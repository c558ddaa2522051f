#include "sim/engine/memory_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/architecture/size.hpp"

namespace moesim {
namespace {

double stored_bytes(Dtype dtype) { return stored_bits(dtype) / 8; }

struct StageMemory {
  double attention = 0, dense = 0, experts = 0, shared = 0, rest = 0;
  double kv_full = 0, kv_window = 0;
  std::int64_t window = 0;
  double weights() const { return attention + dense + experts + shared + rest; }
};

// Down-projections of latent attention, and KV heads fewer than tensor ranks, are held by every
// rank.
double attention_on_rank(const Architecture& model, std::int64_t tensor) {
  const auto& a = model.attention;
  const double all = static_cast<double>(attention_parameters(model));
  double replicated = 0;
  if (a.kind == AttentionKind::kMultiHeadLatent)
    replicated =
        static_cast<double>(model.hidden * (a.q_lora_rank + a.kv_lora_rank + a.qk_rope_head_dim));
  const double t = static_cast<double>(tensor);
  double on_rank = replicated + (all - replicated) / t;
  if (a.kind == AttentionKind::kGroupedQuery && tensor > a.kv_heads) {
    const double kv = static_cast<double>(2 * model.hidden * a.head_dim);  // K and V of one head
    on_rank += kv * (1 - static_cast<double>(a.kv_heads) / t);
  }
  return on_rank;
}

double kv_per_token(const Architecture& model, const Precision& precision, std::int64_t tensor) {
  const auto& a = model.attention;
  const double all = layer_kv_bytes_per_token(model, precision).value;
  if (a.kind == AttentionKind::kMultiHeadLatent) return all;  // the latent is held by every rank
  return all / static_cast<double>(std::min(tensor, a.kv_heads));
}

StageMemory stage_memory(const Architecture& model, const Precision& precision,
                         const Layout& layout, std::int64_t slots_per_rank, std::size_t stage) {
  const double tensor = static_cast<double>(layout.degrees().tensor);
  StageMemory m;
  const double kv = kv_per_token(model, precision, layout.degrees().tensor);
  const auto begin = layout.stage_layers()[stage], end = layout.stage_layers()[stage + 1];
  for (auto i = begin; i < end; ++i) {
    const auto& layer = model.layers[static_cast<std::size_t>(i)];
    const auto p = layer_parameters(model, layer);
    m.attention +=
        attention_on_rank(model, layout.degrees().tensor) * stored_bytes(precision.attention);
    m.dense += static_cast<double>(p.dense) / tensor * stored_bytes(precision.dense);
    m.shared += static_cast<double>(p.shared) / tensor * stored_bytes(precision.shared);
    m.rest += static_cast<double>(p.router) * stored_bytes(precision.router) +
              static_cast<double>(p.vectors) * stored_bytes(precision.embedding);
    if (layer.moe)
      m.experts += static_cast<double>(slots_per_rank) * expert_bytes(model, precision).value /
                   static_cast<double>(layout.moe_tensor());
    (layer.window > 0 ? m.kv_window : m.kv_full) += kv;
    m.window = std::max(m.window, layer.window);
  }
  const bool first = stage == 0, last = stage + 2 == layout.stage_layers().size();
  const double table = static_cast<double>(model.vocabulary * model.hidden) / tensor *
                       stored_bytes(precision.embedding);
  if (last)
    m.rest += static_cast<double>(model.hidden) * stored_bytes(precision.embedding);  // final norm
  m.rest += (first ? table : 0) + (last && !(first && model.tied_embeddings) ? table : 0);
  return m;
}

}  // namespace

const Parameters<MemoryConfig>& MemoryConfig::parameters() {
  static const auto list =
      Parameters<MemoryConfig>()
          .optional("utilization", &MemoryConfig::utilization,
                    "share of a GPU's memory the engine may use (vLLM's gpu_memory_utilization)")
          .above(0)
          .max(1)
          .optional("free_share", &MemoryConfig::free_share,
                    "share of what weights and reserve leave of a GPU's memory that keys and "
                    "values may use, in place of utilization (TensorRT-LLM's "
                    "free_gpu_memory_fraction)")
          .above(0)
          .max(1)
          .unwritten_when_absent()
          .optional("reserve", &MemoryConfig::reserve,
                    "activations, communication buffers and graphs on every GPU (aiconfigurator's "
                    "other_mem, 3.5 GiB)")
          .min(0);
  return list;
}

MemoryPlan plan_memory(const Architecture& model, const Precision& precision, const Layout& layout,
                       const Device& device, std::int64_t slots_per_rank,
                       const MemoryConfig& config, const Location& where) {
  const double share = config.free_share ? 1 : config.utilization;
  const double usable = device.memory.value * share;
  constexpr double kGiB = 1024.0 * 1024 * 1024;
  MemoryPlan plan;
  double fewest_tokens = -1;
  for (std::size_t stage = 0; stage + 1 < layout.stage_layers().size(); ++stage) {
    const auto m = stage_memory(model, precision, layout, slots_per_rank, stage);
    const double left =
        (usable - m.weights() - config.reserve.value) * config.free_share.value_or(1);
    if (left <= 0)
      throw InputError(
          where,
          fmt::format("{} does not fit: {:.1f} GiB of weights per GPU (attention {:.1f}, dense "
                      "{:.1f}, experts {:.1f}, "
                      "shared {:.1f}, rest {:.1f}) + {:.1f} GiB reserve exceed {:.0f} % of {:.1f} "
                      "GiB on {} = {:.1f} "
                      "GiB; use more GPUs (tensor, expert or pipeline) or a smaller number format",
                      model.name, m.weights() / kGiB, m.attention / kGiB, m.dense / kGiB,
                      m.experts / kGiB, m.shared / kGiB, m.rest / kGiB, config.reserve.value / kGiB,
                      100 * share, device.memory.value / kGiB, device.name, usable / kGiB));
    plan.weights = std::max(plan.weights, Bytes(m.weights()));
    const double tokens = left / std::max(1.0, m.kv_full > 0 ? m.kv_full : m.kv_window);
    if (fewest_tokens >= 0 && tokens >= fewest_tokens) continue;
    fewest_tokens = tokens;
    plan.kv_capacity = Bytes(left);
    plan.kv_full_per_token = Bytes(m.kv_full);
    plan.kv_window_per_token = Bytes(m.kv_window);
    plan.window = m.window;
  }
  return plan;
}

}  // namespace moesim
