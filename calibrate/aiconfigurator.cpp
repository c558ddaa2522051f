#include "calibrate/aiconfigurator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "calibrate/expert_counts.hpp"
#include "calibrate/missed_tactics.hpp"

namespace moesim {
namespace {

/// A positive time in milliseconds, as seconds.
double milliseconds(const CsvTable& table, std::size_t row, std::size_t column) {
  const double value = table.number(row, column);
  if (!(value > 0))
    throw InputError(table.at(row, column),
                     fmt::format("a time must be positive, found {}", value));
  return value * 1e-3;
}

std::int64_t count(const CsvTable& table, std::size_t row, std::size_t column) {
  const auto value = table.integer(row, column);
  if (value < 1)
    throw InputError(table.at(row, column), fmt::format("must be at least 1, found {}", value));
  return value;
}

/// The number format of the weights; nothing for one that moesim does not know.
std::optional<Dtype> weight_of(std::string_view scheme) {
  if (scheme == "bfloat16" || scheme == "bf16") return Dtype::bf16;
  if (scheme == "float16" || scheme == "half") return Dtype::fp16;
  if (scheme == "fp8" || scheme == "fp8_block") return Dtype::fp8;
  if (scheme == "nvfp4") return Dtype::nvfp4;
  if (scheme == "w4a16_mxfp4" || scheme == "w4a8_mxfp4_mxfp8") return Dtype::mxfp4;
  if (scheme == "int4_wo") return Dtype::int4;
  if (scheme == "int8" || scheme == "int8_wo") return Dtype::int8;
  return std::nullopt;
}

bool has(const CsvTable& table, std::initializer_list<const char*> names) {
  return std::ranges::all_of(names,
                             [&](const char* n) { return table.find_column(n).has_value(); });
}

}  // namespace

KernelTable recognise(const CsvTable& t) {
  if (has(t, {"moe_dtype", "num_tokens", "moe_ep_size", "distribution", "latency"}))
    return KernelTable::kExperts;
  if (has(t, {"gemm_dtype", "m", "n", "k", "latency"})) return KernelTable::kGemm;
  const bool mla = has(t, {"mla_dtype", "num_heads", "batch_size", "isl", "step", "latency"});
  const bool gqa = has(t, {"attn_dtype", "num_key_value_heads", "batch_size", "isl", "step"});
  if (mla || gqa) {
    // Decode tables count the generated token: step is at least 1 in every row.
    const auto step = t.column("step");
    const bool decode = t.rows() > 0 && t.integer(0, step) > 0;
    if (mla) return decode ? KernelTable::kDecodeMla : KernelTable::kPrefillMla;
    return decode ? KernelTable::kDecode : KernelTable::kPrefill;
  }
  throw InputError(
      Location{t.file, 1, 1},
      "these columns belong to no known table: MoE (moe_dtype, num_tokens, hidden_size, "
      "inter_size, "
      "topk, num_experts, moe_tp_size, moe_ep_size, distribution, latency), GEMM (gemm_dtype, m, "
      "n, "
      "k, latency), attention (attn_dtype, kv_cache_dtype, batch_size, isl, num_heads, "
      "num_key_value_heads, head_dim, step, latency) or MLA (mla_dtype, kv_cache_dtype, num_heads, "
      "batch_size, isl, step, latency)");
}

bool group_limited(const ExpertsSample& s) {
  return s.hidden == 7168 && s.experts == 256 && s.topk == 8 &&
         (s.format.kernel.starts_with("sglang_") || s.format.kernel.starts_with("vllm_"));
}

Imported<GemmSample> import_gemm(const CsvTable& t) {
  const auto dtype = t.column("gemm_dtype"), m = t.column("m"), n = t.column("n"),
             k = t.column("k"), latency = t.column("latency");
  const auto source = t.find_column("kernel_source");
  Imported<GemmSample> out;
  out.samples.reserve(t.rows());
  for (std::size_t row = 0; row < t.rows(); ++row) {
    const auto weight = weight_of(t.cell(row, dtype));
    if (!weight) {
      ++out.left_out[fmt::format("number format '{}'", t.cell(row, dtype))];
      continue;
    }
    GemmSample s;
    s.format = {*weight, std::string(t.cell(row, dtype)),
                source ? std::string(t.cell(row, *source)) : ""};
    s.m = count(t, row, m);
    s.n = count(t, row, n);
    s.k = count(t, row, k);
    s.time_s = milliseconds(t, row, latency);
    s.row = t.at(row, latency).line;
    out.samples.push_back(std::move(s));
  }
  return out;
}

Imported<ExpertsSample> import_experts(const CsvTable& t) {
  const auto dtype = t.column("moe_dtype"), tokens = t.column("num_tokens"),
             hidden = t.column("hidden_size"), inter = t.column("inter_size"),
             topk = t.column("topk"), experts = t.column("num_experts"),
             tp = t.column("moe_tp_size"), ep = t.column("moe_ep_size"),
             distribution = t.column("distribution"), latency = t.column("latency");
  const auto source = t.find_column("kernel_source");
  Imported<ExpertsSample> out;
  out.samples.reserve(t.rows());
  for (std::size_t row = 0; row < t.rows(); ++row) {
    const auto leave_out = [&](const std::string& why) { ++out.left_out[why]; };
    ExpertsSample s;
    const auto weight = weight_of(t.cell(row, dtype));
    if (!weight) {
      leave_out(fmt::format("number format '{}'", t.cell(row, dtype)));
      continue;
    }
    s.format = {*weight, std::string(t.cell(row, dtype)),
                source ? std::string(t.cell(row, *source)) : ""};
    s.tensor = count(t, row, tp);
    s.expert_parallel = count(t, row, ep);
    s.hidden = count(t, row, hidden);
    const auto intermediate = count(t, row, inter);
    s.experts = count(t, row, experts);
    s.topk = count(t, row, topk);
    s.tokens = count(t, row, tokens);
    s.distribution = std::string(t.cell(row, distribution));
    s.gated = s.format.kernel.find("nongated") == std::string::npos;
    s.time_s = milliseconds(t, row, latency);
    s.row = t.at(row, latency).line;
    if (s.experts % s.expert_parallel != 0 || s.topk > s.experts) {
      leave_out("experts that do not divide among the ranks");
      continue;
    }
    s.intermediate = std::max<std::int64_t>(1, intermediate / s.tensor);
    if (s.expert_parallel > 1 && s.format.kernel.starts_with("sglang_fused_moe_triton")) {
      leave_out("SGLang Triton with expert parallelism (slots of other ranks are computed)");
      continue;
    }
    s.tokens_per_expert = rebuild_counts(s.tokens, s.experts, s.topk, s.expert_parallel,
                                         s.distribution, group_limited(s));
    if (s.tokens_per_expert.empty()) {
      leave_out(fmt::format("distribution '{}'", s.distribution));
      continue;
    }
    if (std::ranges::all_of(s.tokens_per_expert, [](auto c) { return c == 0; })) {
      leave_out("no token on the timed rank");
      continue;
    }
    out.samples.push_back(std::move(s));
  }
  leave_out_missed_tactics(out);
  return out;
}

Imported<AttentionSample> import_attention(const CsvTable& t, KernelTable kind) {
  const bool mla = kind == KernelTable::kPrefillMla || kind == KernelTable::kDecodeMla;
  const bool decode = kind == KernelTable::kDecode || kind == KernelTable::kDecodeMla;
  const auto dtype = t.column(mla ? "mla_dtype" : "attn_dtype"), kv = t.column("kv_cache_dtype"),
             heads = t.column("num_heads"), batch = t.column("batch_size"), isl = t.column("isl"),
             step = t.column("step"), latency = t.column("latency");
  const auto kv_heads = mla ? heads : t.column("num_key_value_heads"),
             head_dim = mla ? heads : t.column("head_dim");
  const auto window = t.find_column("window_size"), source = t.find_column("kernel_source");
  Imported<AttentionSample> out;
  out.samples.reserve(t.rows());
  for (std::size_t row = 0; row < t.rows(); ++row) {
    const auto math = weight_of(t.cell(row, dtype)), stored = weight_of(t.cell(row, kv));
    if (!math || !stored) {
      ++out.left_out[fmt::format("number format '{}' over '{}'", t.cell(row, dtype),
                                 t.cell(row, kv))];
      continue;
    }
    AttentionSample s;
    s.kernel = source ? std::string(t.cell(row, *source)) : "";
    s.math = *math;
    s.decode = decode;
    s.shape.kv = *stored;
    s.shape.activation = Dtype::bf16;
    s.shape.heads = count(t, row, heads);
    if (mla) {
      // DeepSeek-V3's dimensions, which the MLA tables measure (config.json of the model).
      s.shape.kind = AttentionKind::kMultiHeadLatent;
      s.shape.kv_heads = s.shape.heads;
      s.shape.kv_lora_rank = 512;
      s.shape.qk_rope_head_dim = 64;
      s.shape.qk_nope_head_dim = 128;
      s.shape.v_head_dim = 128;
      s.shape.head_dim = 192;
    } else {
      s.shape.kv_heads = count(t, row, kv_heads);
      s.shape.head_dim = count(t, row, head_dim);
    }
    s.window = window ? t.integer(row, *window) : 0;
    s.batch = count(t, row, batch);
    s.length = count(t, row, isl) + (decode ? t.integer(row, step) : 0);
    if (!decode && t.integer(row, step) != 0) {
      ++out.left_out["prefill with a cached prefix"];
      continue;
    }
    s.time_s = milliseconds(t, row, latency);
    s.row = t.at(row, latency).line;
    out.samples.push_back(std::move(s));
  }
  return out;
}

}  // namespace moesim
