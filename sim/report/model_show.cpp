#include "sim/report/model_show.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string_view>

#include "models/architecture/flops.hpp"
#include "models/architecture/size.hpp"

namespace moesim {
namespace {

using Buffer = fmt::memory_buffer;

/// Four significant digits with a decimal prefix: "671.0 G".
std::string scaled(double value, std::string_view unit) {
  static constexpr std::array<std::string_view, 6> prefixes{"", "k", "M", "G", "T", "P"};
  std::size_t prefix = 0;
  while (value >= 999.95 && prefix + 1 < prefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  const int decimals = value == std::floor(value) && value < 1000 ? 0
                       : value < 10                               ? 3
                       : value < 100                              ? 2
                                                                  : 1;
  return fmt::format("{:.{}f} {}{}", value, decimals, prefixes[prefix], unit);
}

/// Parameters as model cards write them: "671.0 B".
std::string billions(std::int64_t parameters) {
  const auto value = static_cast<double>(parameters);
  if (value >= 1e9) return fmt::format("{:.2f} B", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.2f} M", value / 1e6);
  return fmt::format("{:.2f} k", value / 1e3);
}

std::string describe_layers(const std::vector<Layer>& layers) {
  const auto moe = std::ranges::count(layers, true, &Layer::moe);
  const auto count = static_cast<std::int64_t>(layers.size());
  std::string text = fmt::format("{} ({} MoE, {} dense)", count, moe, count - moe);
  const auto windowed = std::ranges::count_if(layers, [](const Layer& l) { return l.window > 0; });
  if (windowed == 0) return text;
  const auto first = std::ranges::find_if(layers, [](const Layer& l) { return l.window > 0; });
  return text + fmt::format(", {} of them with a window of {} tokens", windowed, first->window);
}

std::string describe_attention(const Attention& a) {
  if (a.latent())
    return fmt::format(
        "multi-head latent, {} heads, latent {} + rotary {}, query rank {}, head {} + {}, value {}",
        a.heads, a.kv_lora_rank, a.qk_rope_head_dim,
        a.q_lora_rank > 0 ? std::to_string(a.q_lora_rank) : "none", a.qk_nope_head_dim,
        a.qk_rope_head_dim, a.v_head_dim);
  const auto* kind = a.kv_heads == a.heads ? "multi-head"
                     : a.kv_heads == 1     ? "multi-query"
                                           : "grouped-query";
  return fmt::format("{}, {} heads, {} key-value heads of {}{}{}", kind, a.heads, a.kv_heads,
                     a.head_dim, a.qkv_bias ? ", biases" : "", a.sinks ? ", sinks" : "");
}

std::string describe_moe(const Moe& moe) {
  auto text = fmt::format("{} experts of intermediate {}, {} per token", moe.experts,
                          moe.intermediate, moe.top_k);
  if (moe.groups > 1) text += fmt::format(" from {} of {} groups", moe.groups_kept, moe.groups);
  if (moe.shared_intermediate > 0)
    text += fmt::format(", shared experts of {}", moe.shared_intermediate);
  return text;
}

void write_header(Buffer& out, const Architecture& a) {
  const auto line = [&](std::string_view label, const std::string& value) {
    fmt::format_to(std::back_inserter(out), "  {:<12} {}\n", label, value);
  };
  fmt::format_to(std::back_inserter(out), "{} ({})\n", a.name, a.family);
  if (a.encoder_decoder()) line("encoder", describe_layers(a.encoder_layers));
  line(a.encoder_decoder() ? "decoder" : "layers", describe_layers(a.layers));
  line("hidden", fmt::format("{}, vocabulary {}{}, up to {} positions", a.hidden, a.vocabulary,
                             a.tied_embeddings ? " (tied)" : "", a.max_positions));
  line("attention", describe_attention(a.attention));
  if (a.moe_layers() > 0) line("MoE", describe_moe(a.moe));
}

void write_parts(Buffer& out, const Model& model) {
  const auto row = [&](std::string_view part, std::int64_t parameters, std::int64_t active,
                       const std::string& dtype, Bytes bytes) {
    fmt::format_to(std::back_inserter(out), "  {:<18} {:>12} {:>12}  {:<14} {:>10}\n", part,
                   billions(parameters), billions(active), dtype, scaled(bytes.value, "B"));
  };
  fmt::format_to(std::back_inserter(out), "\n  {:<18} {:>12} {:>12}  {:<14} {:>10}\n", "part",
                 "parameters", "active", "dtype", "bytes");
  for (const auto& part : sizes_by_part(model.architecture, model.precision))
    row(name_of(part.part), part.parameters, part.active,
        fmt::format("{} ({:.5g} b)", name_of(part.dtype), stored_bits(part.dtype)), part.bytes);
  const auto count = count_parameters(model.architecture);
  row("total", count.total, count.active, "", weight_bytes(model.architecture, model.precision));
  if (model.architecture.moe_layers() > 0)
    fmt::format_to(std::back_inserter(out), "  one routed expert: {}, {}\n",
                   billions(expert_parameters(model.architecture)),
                   scaled(expert_bytes(model.architecture, model.precision).value, "B"));
  if (!model.published) return;
  fmt::format_to(std::back_inserter(out), "  published: {} total",
                 billions(static_cast<std::int64_t>(model.published->total_parameters)));
  if (const auto active = model.published->active_parameters)
    fmt::format_to(std::back_inserter(out), ", {} active ({})",
                   billions(static_cast<std::int64_t>(*active)),
                   name_of(model.published->active_counts));
  fmt::format_to(std::back_inserter(out), "\n");
}

void write_contexts(Buffer& out, const Model& model) {
  const auto& a = model.architecture;
  fmt::format_to(std::back_inserter(out),
                 "\n  KV cache ({}): {} per token and layer, {} per token\n",
                 name_of(model.precision.kv_cache),
                 scaled(layer_kv_bytes_per_token(a, model.precision).value, "B"),
                 scaled(kv_bytes_per_token(a, model.precision).value, "B"));
  fmt::format_to(std::back_inserter(out), "  {:>10} {:>14} {:>20} {:>20}\n", "context", "KV cache",
                 "decode, per token", "prefill, per token");
  std::vector<std::int64_t> contexts{1024, 8192, 32768, 131072};
  std::erase_if(contexts, [&](std::int64_t context) { return context > a.max_positions; });
  if (contexts.empty()) contexts.push_back(a.max_positions);
  for (const auto context : contexts) {
    const auto prefill = forward_flops(a, context).total() / static_cast<double>(context);
    fmt::format_to(std::back_inserter(out), "  {:>10} {:>14} {:>20} {:>20}\n", context,
                   scaled(kv_bytes(a, model.precision, context).value, "B"),
                   scaled(decode_flops(a, context).total().value, "FLOP"),
                   scaled(prefill.value, "FLOP"));
  }
}

void write_list(Buffer& out, std::string_view title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  fmt::format_to(std::back_inserter(out), "\n  {}\n", title);
  for (const auto& line : lines) fmt::format_to(std::back_inserter(out), "    {}\n", line);
}

}  // namespace

std::string show_model(const Model& model) {
  Buffer out;
  write_header(out, model.architecture);
  write_parts(out, model);
  write_contexts(out, model);
  write_list(out, "notes", model.notes);
  write_list(out, "sources", model.architecture.sources);
  return fmt::to_string(out);
}

}  // namespace moesim
