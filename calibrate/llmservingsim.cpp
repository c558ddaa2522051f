#include "calibrate/llmservingsim.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "models/architecture/catalog.hpp"

namespace moesim {
namespace {

constexpr const char* kKernel = "vllm layer";

double microseconds(const CsvTable& t, std::size_t row, std::size_t column) {
  const double value = t.number(row, column);
  if (!(value > 0))
    throw InputError(t.at(row, column), fmt::format("a time must be positive, found {}", value));
  return value * 1e-6;
}

void add_experts(Measured& measured, const CsvTable& t, const Architecture& model) {
  const auto tokens = t.column("tokens"), active = t.column("activated_experts"),
             time = t.column("time_us");
  for (std::size_t row = 0; row < t.rows(); ++row) {
    ExpertsSample s;
    s.format = {Dtype::bf16, "bfloat16", kKernel};
    s.hidden = model.hidden;
    s.intermediate = model.moe.intermediate;
    s.experts = model.moe.experts;
    s.topk = model.moe.top_k;
    s.tokens = t.integer(row, tokens);
    const auto used = t.integer(row, active), assigned = s.tokens * s.topk;
    if (s.tokens < 1 || used < 1 || used > std::min(s.experts, assigned)) {
      ++measured.left_out["more activated experts than the tokens can reach"];
      continue;
    }
    s.distribution = fmt::format("{} of {} experts", used, s.experts);
    s.tokens_per_expert.assign(static_cast<std::size_t>(s.experts), 0);
    for (std::int64_t e = 0; e < used; ++e)
      s.tokens_per_expert[static_cast<std::size_t>(e)] =
          static_cast<std::int32_t>(assigned / used + (e < assigned % used ? 1 : 0));
    s.time_s = microseconds(t, row, time);
    s.row = t.at(row, time).line;
    measured.experts.push_back(std::move(s));
  }
}

/// Rows of `layer` become GEMMs of (n, k), or element-wise kernels; others are counted.
void add_dense(Measured& measured, const CsvTable& t, const Architecture& model) {
  const auto layer = t.column("layer"), time = t.column("time_us");
  const auto rows_of = t.find_column("tokens") ? t.column("tokens") : t.column("sequences");
  const auto& a = model.attention;
  const std::map<std::string_view, std::pair<std::int64_t, std::int64_t>> gemms = {
      {"qkv_proj", {(a.heads + 2 * a.kv_heads) * a.head_dim, model.hidden}},
      {"o_proj", {model.hidden, a.heads * a.head_dim}},
      {"lm_head", {model.vocabulary, model.hidden}}};
  for (std::size_t row = 0; row < t.rows(); ++row) {
    const auto name = t.cell(row, layer);
    const auto m = t.integer(row, rows_of);
    if (m < 1) throw InputError(t.at(row, rows_of), "must be at least 1");
    const double time_s = microseconds(t, row, time);
    const int line = t.at(row, time).line;
    if (const auto gemm = gemms.find(name); gemm != gemms.end()) {
      measured.gemm.push_back({{Dtype::bf16, "bfloat16", kKernel},
                               m,
                               gemm->second.first,
                               gemm->second.second,
                               time_s,
                               line});
    } else if (name == "layernorm") {
      // Reads the block's output and the residual, writes both: bf16.
      measured.elementwise.push_back(
          {"layernorm", 2.0 * 4 * static_cast<double>(m * model.hidden), time_s, line});
    } else {
      ++measured.left_out[fmt::format("kernel '{}', which no cost model needs", name)];
    }
  }
}

void add_attention(Measured& measured, const CsvTable& t, const Architecture& model) {
  const auto chunk = t.column("prefill_chunk"), kv_prefill = t.column("kv_prefill"),
             decodes = t.column("n_decode"), kv_decode = t.column("kv_decode"),
             time = t.column("time_us");
  for (std::size_t row = 0; row < t.rows(); ++row) {
    AttentionSample s;
    s.kernel = kKernel;
    s.shape.heads = model.attention.heads;
    s.shape.kv_heads = model.attention.kv_heads;
    s.shape.head_dim = model.attention.head_dim;
    const auto q = t.integer(row, chunk), n = t.integer(row, decodes);
    if (q > 0 && n > 0) {
      ++measured.left_out["steps that mix prefill and decode"];
      continue;
    }
    if (q <= 0 && n <= 0) throw InputError(t.at(row, chunk), "neither prefill nor decode");
    s.decode = n > 0;
    s.batch = s.decode ? n : 1;
    s.length = s.decode ? t.integer(row, kv_decode) : q;
    s.context = s.decode ? 0 : t.integer(row, kv_prefill);
    if (s.context < 0) throw InputError(t.at(row, kv_prefill), "must not be negative");
    if (s.length < 1) throw InputError(t.at(row, kv_decode), "must be at least 1");
    s.time_s = microseconds(t, row, time);
    s.row = t.at(row, time).line;
    measured.attention.push_back(std::move(s));
  }
}

}  // namespace

void add_llmservingsim(Measured& measured, const std::string& folder, const std::string& model) {
  namespace fs = std::filesystem;
  const auto found = [&](const std::string& name) -> std::string {
    std::error_code ignored;
    for (auto file : {folder + "/" + name, folder + "/profile_" + name})
      if (fs::exists(file, ignored)) return file;
    return "";
  };
  const auto architecture = [&] {
    if (!model.empty()) return load_model(model).architecture;
    const auto meta = found("meta.yaml");
    if (meta.empty())
      throw InputError(folder + ": no meta.yaml that names the model; give it with --model");
    const Node document = read_yaml(meta);
    const Node* name = document.find("model");
    if (name == nullptr)
      throw InputError(document.where, "no key 'model'; name the model with --model");
    try {
      return load_model(read_text(*name), name->where).architecture;
    } catch (const InputError& error) {
      throw InputError(std::string(error.what()) + "; or name the model with --model");
    }
  }();
  bool any = false;
  const auto with = [&](const std::string& name, auto add) {
    const auto file = found(name);
    if (file.empty()) return;
    any = true;
    add(measured, read_csv(file), architecture);
  };
  with("moe.csv", add_experts);
  with("dense.csv", add_dense);
  with("per_sequence.csv", add_dense);
  with("attention.csv", add_attention);
  if (!any)
    throw InputError(
        folder +
        ": no table of LLMServingSim (moe.csv, dense.csv, per_sequence.csv, attention.csv)");
}

}  // namespace moesim
