#include "models/architecture/architecture.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace moesim {
namespace {

using Problem = std::optional<ArchitectureProblem>;

struct Positive {
  const char* field;
  std::int64_t value;
};

/// More parameters than anybody has: the bound that keeps the 64-bit counts of size.cpp from
/// overflowing.
constexpr double kMostParameters = 1e17;

Problem find_not_positive(const std::vector<Positive>& figures) {
  for (const auto& [field, value] : figures)
    if (value < 1)
      return ArchitectureProblem{field, fmt::format("must be at least 1, found {}", value)};
  return {};
}

Problem find_attention_problem(const Attention& a) {
  if (a.latent()) {
    if (a.q_lora_rank < 0)
      return ArchitectureProblem{"attention.q_lora_rank", "must not be negative"};
    if (a.qk_norm)
      return ArchitectureProblem{"attention.qk_norm",
                                 "does not exist in multi-head latent attention"};
    if (a.qkv_bias || a.output_bias)
      return ArchitectureProblem{"attention.qkv_bias",
                                 "does not exist in multi-head latent attention"};
    return find_not_positive({{"attention.heads", a.heads},
                              {"attention.kv_lora_rank", a.kv_lora_rank},
                              {"attention.qk_nope_head_dim", a.qk_nope_head_dim},
                              {"attention.qk_rope_head_dim", a.qk_rope_head_dim},
                              {"attention.v_head_dim", a.v_head_dim}});
  }
  if (auto problem = find_not_positive({{"attention.heads", a.heads},
                                        {"attention.kv_heads", a.kv_heads},
                                        {"attention.head_dim", a.head_dim}}))
    return problem;
  if (a.heads % a.kv_heads != 0)
    return ArchitectureProblem{
        "attention.kv_heads",
        fmt::format("{} key-value heads do not divide {} heads", a.kv_heads, a.heads)};
  return {};
}

Problem find_moe_problem(const Moe& moe) {
  if (auto problem = find_not_positive({{"moe.experts", moe.experts},
                                        {"moe.top_k", moe.top_k},
                                        {"moe.intermediate", moe.intermediate},
                                        {"moe.groups", moe.groups},
                                        {"moe.groups_kept", moe.groups_kept}}))
    return problem;
  if (moe.top_k > moe.experts)
    return ArchitectureProblem{"moe.top_k", fmt::format("{} experts per token of only {} experts",
                                                        moe.top_k, moe.experts)};
  if (moe.shared_intermediate < 0)
    return ArchitectureProblem{"moe.shared_intermediate", "must not be negative"};
  if (moe.experts % moe.groups != 0)
    return ArchitectureProblem{
        "moe.groups", fmt::format("{} groups do not divide {} experts", moe.groups, moe.experts)};
  if (moe.groups_kept > moe.groups)
    return ArchitectureProblem{"moe.groups_kept", fmt::format("{} groups kept of only {} groups",
                                                              moe.groups_kept, moe.groups)};
  if (moe.top_k > moe.experts / moe.groups * moe.groups_kept)
    return ArchitectureProblem{
        "moe.top_k", fmt::format("{} experts per token, but the {} kept groups hold {}", moe.top_k,
                                 moe.groups_kept, moe.experts / moe.groups * moe.groups_kept)};
  return {};
}

/// An upper bound of the parameter count in floating point, where it cannot overflow.
double parameter_bound(const Architecture& model) {
  const auto d = [](std::int64_t value) { return static_cast<double>(value); };
  const auto& a = model.attention;
  const double head =
      d(a.head_dim) + d(a.qk_nope_head_dim) + d(a.qk_rope_head_dim) + d(a.v_head_dim);
  const double width = d(model.hidden) + d(a.q_lora_rank) + d(a.kv_lora_rank);
  const double attention = 8 * width * (d(a.heads) + 1) * head;
  const double feed_forward =
      3 * d(model.hidden) *
      (d(model.dense_intermediate) + d(model.moe.shared_intermediate) +
       (d(model.moe.experts) + d(model.moe.top_k)) * (d(model.moe.intermediate) + 1));
  const double layers =
      d(static_cast<std::int64_t>(model.layers.size() + model.encoder_layers.size()));
  return 2 * d(model.vocabulary) * d(model.hidden) + layers * (attention + feed_forward);
}

}  // namespace

const std::vector<std::string>& names_of(AttentionKind) {
  static const std::vector<std::string> names{"grouped_query", "multi_head_latent"};
  return names;
}

std::int64_t Architecture::moe_layers() const {
  return std::ranges::count(layers, true, &Layer::moe) +
         std::ranges::count(encoder_layers, true, &Layer::moe);
}

std::optional<ArchitectureProblem> find_problem(const Architecture& a) {
  if (auto problem =
          find_not_positive({{"hidden", a.hidden},
                             {"vocabulary", a.vocabulary},
                             {"max_positions", a.max_positions},
                             {"layers.count", static_cast<std::int64_t>(a.layers.size())}}))
    return problem;
  if (auto problem = find_attention_problem(a.attention)) return problem;
  const auto all_layers = static_cast<std::int64_t>(a.layers.size() + a.encoder_layers.size());
  if (a.moe_layers() < all_layers)
    if (auto problem = find_not_positive({{"dense_intermediate", a.dense_intermediate}}))
      return problem;
  for (const auto& layer : a.layers)
    if (layer.window < 0) return ArchitectureProblem{"layers.window", "must not be negative"};
  if (parameter_bound(a) > kMostParameters)
    return ArchitectureProblem{
        "hidden", fmt::format("the figures give more than {:g} parameters", kMostParameters)};
  if (a.moe_layers() > 0) return find_moe_problem(a.moe);
  if (a.moe.experts > 0)
    return ArchitectureProblem{"moe.experts",
                               fmt::format("{} experts, but no layer uses them", a.moe.experts)};
  return {};
}

}  // namespace moesim
