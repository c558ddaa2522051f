#include "sim/engine/parallel.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace moesim {
namespace {

void require(bool ok, const Location& where, const std::string& what) {
  if (!ok) throw InputError(where, "impossible parallelism: " + what);
}

void require_divides(std::int64_t whole, std::int64_t parts, std::string_view what,
                     std::string_view degree, const Location& where) {
  require(
      whole % parts == 0, where,
      fmt::format("{} {} do not divide over {} {} ({} / {} = {:.3f})", whole, what, degree, parts,
                  whole, parts, static_cast<double>(whole) / static_cast<double>(parts)));
}

void check_tensor(const ParallelConfig& d, const Architecture& model, const Location& where) {
  const auto& attention = model.attention;
  require_divides(attention.heads, d.tensor, "attention heads", "tensor", where);
  if (attention.kind == AttentionKind::kGroupedQuery && d.tensor > attention.kv_heads)
    require_divides(d.tensor, attention.kv_heads, "tensor ranks", "KV heads", where);
  if (attention.kind == AttentionKind::kGroupedQuery && d.tensor <= attention.kv_heads)
    require_divides(attention.kv_heads, d.tensor, "KV heads", "tensor", where);
  if (std::ranges::any_of(model.layers, [](const Layer& layer) { return !layer.moe; }))
    require_divides(model.dense_intermediate, d.tensor, "columns of the dense feed-forward",
                    "tensor", where);
  require_divides(model.moe.shared_intermediate, d.tensor, "columns of the shared experts",
                  "tensor", where);
}

void check_expert(const ParallelConfig& d, const Architecture& model, std::int64_t redundant,
                  const Location& where) {
  if (model.moe.experts == 0) {
    require(d.expert == 1, where,
            fmt::format("expert {} for {}, a dense model", d.expert, model.name));
    require(redundant == 0, where, "redundant experts for a dense model");
    require(!d.moe_tensor, where, fmt::format("moe_tensor for {}, a dense model", model.name));
    return;
  }
  if (d.moe_tensor) {
    const auto ranks = d.expert * *d.moe_tensor;
    require(ranks >= d.tensor, where,
            fmt::format("expert {} x moe_tensor {} = {} of {} tensor ranks would hold experts; "
                        "leave moe_tensor out for tensor / expert = {:.3g}",
                        d.expert, *d.moe_tensor, ranks, d.tensor,
                        static_cast<double>(d.tensor) / static_cast<double>(d.expert)));
    require_divides(ranks, d.tensor, "ranks that hold the experts (expert x moe_tensor)", "tensor",
                    where);
    require_divides(d.tensor * d.data, ranks, "ranks (tensor x data)", "expert x moe_tensor",
                    where);
    require_divides(model.moe.intermediate, *d.moe_tensor, "columns of an expert", "moe_tensor",
                    where);
  } else if (d.expert > d.tensor) {
    require_divides(d.expert, d.tensor, "expert-parallel ranks", "tensor", where);
    require_divides(d.tensor * d.data, d.expert, "ranks (tensor x data)", "expert", where);
  } else {
    require_divides(d.tensor, d.expert, "tensor ranks", "expert", where);
    require_divides(model.moe.intermediate, d.tensor / d.expert, "columns of an expert",
                    "moe tensor (tensor / expert)", where);
  }
  const auto slots = model.moe.experts + redundant;
  require(slots >= d.expert, where,
          fmt::format("{} experts + {} redundant are fewer than {} expert-parallel ranks",
                      model.moe.experts, redundant, d.expert));
}

}  // namespace

const Parameters<ParallelConfig>& ParallelConfig::parameters() {
  static const auto list =
      Parameters<ParallelConfig>()
          .optional("tensor", &ParallelConfig::tensor, "GPUs that split every layer")
          .min(1)
          .optional("data", &ParallelConfig::data, "data-parallel ranks of attention")
          .min(1)
          .optional("expert", &ParallelConfig::expert,
                    "ranks over which the experts are spread; above `tensor`, data ranks "
                    "exchange tokens")
          .min(1)
          .optional("pipeline", &ParallelConfig::pipeline, "pipeline stages")
          .min(1)
          .optional("moe_tensor", &ParallelConfig::moe_tensor,
                    "ranks that split each expert (default: tensor / expert, above `tensor` 1); "
                    "with expert x moe_tensor above `tensor`, data ranks run each other's tokens, "
                    "which network.dispatch gathers")
          .min(1)
          .unwritten_when_absent();
  return list;
}

Layout::Layout(const ParallelConfig& degrees, const Architecture& model,
               std::int64_t redundant_experts, std::int64_t cluster_gpus, const Location& where)
    : d_(degrees) {
  for (const auto degree : {d_.tensor, d_.data, d_.expert, d_.pipeline, d_.moe_tensor.value_or(1)})
    require(degree <= 1'000'000, where, fmt::format("a degree of {}", degree));
  const auto gpus_needed = d_.tensor * d_.data * d_.pipeline;
  require(gpus_needed <= cluster_gpus, where,
          fmt::format("tensor {} x data {} x pipeline {} = {} GPUs, the cluster has {}", d_.tensor,
                      d_.data, d_.pipeline, gpus_needed, cluster_gpus));
  check_tensor(d_, model, where);
  check_expert(d_, model, redundant_experts, where);
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  require(d_.pipeline <= layers, where,
          fmt::format("{} stages for {} layers", d_.pipeline, layers));
  for (std::int64_t s = 0; s <= d_.pipeline; ++s)
    stage_layers_.push_back(s * (layers / d_.pipeline) + std::min(s, layers % d_.pipeline));
}

}  // namespace moesim
