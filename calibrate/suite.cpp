#include "calibrate/suite.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <tuple>

#include "calibrate/bench_suite.hpp"
#include "calibrate/bench_table.hpp"
#include "calibrate/suite_rows.hpp"
#include "sim/core/text_file.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;

/// What a profile is made of. Copies, contention, collectives and whole layers are not.
const std::vector<std::string> kNeeded = {
    "memory_stream",    "elementwise",          "gemm",
    "grouped_gemm",     "router_topk",          "permute",
    "attention_decode", "attention_decode_mla", "attention_prefill"};

std::string bench_command(const Suite& suite) {
  return fmt::format("moesim calibrate bench --device {} --out {}",
                     suite.record.selected.empty() ? "cuda:0|cpu" : suite.record.selected,
                     suite.folder);
}

/// Why an operation cannot be used; empty when it can, or when its program is not built.
std::string problem_of(Suite& suite, const std::string& operation) {
  const auto* entry = suite.record.find(operation);
  if (entry == nullptr) return operation + " (not run)";
  if (entry->status == "absent") return "";
  if (!entry->complete())
    return fmt::format("{} ({}{}{})", operation, entry->status, entry->error.empty() ? "" : ": ",
                       entry->error);
  const auto table = std::ranges::find_if(
      suite.tables, [&](const CsvTable& t) { return fs::path(t.file).filename() == entry->file; });
  if (table == suite.tables.end()) return fmt::format("{} ({} is missing)", operation, entry->file);
  const auto rows = rows_of(*table, operation);
  if (rows != entry->rows)
    return fmt::format("{} ({} has {} rows of it instead of {})", operation, entry->file, rows,
                       entry->rows);
  return "";
}

template <class Sample>
void keep(std::vector<Sample>& samples, Sample sample, const SuiteRows& from, std::size_t row,
          std::map<std::string, std::int64_t>& left_out) {
  const auto time_s = from.time_s(row);
  if (!time_s) {
    ++left_out["could not be measured"];
  } else if (from.warm(row)) {
    ++left_out["measured with a warm cache"];
  } else {
    sample.time_s = *time_s;
    sample.row = from.line(row);
    samples.push_back(std::move(sample));
  }
}

void add_gemm(Measured& m, const CsvTable& table) {
  const SuiteRows from(table, {"gemm"});
  for (const auto row : from.rows()) {
    if (from.cell(row, "algo") != "heuristic") {
      ++m.left_out["gemm: not the algorithm that libraries take first"];
      continue;
    }
    keep(m.gemm,
         GemmSample{from.format(row), from.count(row, "m"), from.count(row, "n"),
                    from.count(row, "k")},
         from, row, m.left_out);
  }
}

/// The top-k of one (tokens, experts, hidden) differ little: their geometric mean stands for all.
void add_router(Measured& m, const CsvTable& table) {
  const SuiteRows from(table, {"router_topk"});
  std::vector<GemmSample> all;
  for (const auto row : from.rows())
    keep(all,
         GemmSample{from.format(row), from.count(row, "tokens"), from.count(row, "experts"),
                    from.count(row, "hidden")},
         from, row, m.left_out);
  std::map<std::tuple<Dtype, std::int64_t, std::int64_t, std::int64_t>, std::vector<GemmSample>>
      same;
  for (const auto& s : all) same[{s.format.weight, s.m, s.n, s.k}].push_back(s);
  for (const auto& [_, samples] : same) {
    double logs = 0;
    for (const auto& s : samples) logs += std::log(s.time_s);
    m.router.push_back(samples.front());
    m.router.back().time_s = std::exp(logs / static_cast<double>(samples.size()));
  }
}

void add_experts(Measured& m, const CsvTable& table) {
  const SuiteRows from(table, {"grouped_gemm"});
  for (const auto row : from.rows()) {
    if (from.cell(row, "stage") != "both") {
      ++m.left_out["grouped_gemm: half of an expert"];
      continue;
    }
    ExpertsSample sample;
    sample.format = from.format(row);
    sample.hidden = from.count(row, "hidden");
    sample.intermediate = from.count(row, "intermediate");
    // The products know rows, not which tokens they came from: each row is a token of its own.
    sample.tokens = from.count(row, "tokens");
    const auto distribution = from.cell(row, "distribution");
    sample.distribution = distribution == "uniform" ? "balanced" : std::string(distribution);
    sample.tokens_per_expert = from.counts(row, "tokens_per_expert");
    m.sequential = m.sequential || sample.format.kernel == "Eigen";
    keep(m.experts, std::move(sample), from, row, m.left_out);
  }
}

void add_around(Measured& m, const CsvTable& table) {
  const SuiteRows from(table, {"permute", "unpermute"});
  for (const auto row : from.rows()) {
    const auto dtype = from.dtype(row, "dtype");
    if (dtype == Dtype::fp8) {
      ++m.left_out["permute: quantises on the way, which the simulated engine does not"];
      continue;
    }
    const auto tokens = from.count(row, "tokens");
    const double bytes = moved_around(tokens, tokens * from.count(row, "topk"),
                                      from.count(row, "hidden"), activation_of(dtype));
    keep(m.around, ElementwiseSample{std::string(from.cell(row, "op")), bytes}, from, row,
         m.left_out);
  }
}

void add_elementwise(Measured& m, const CsvTable& table) {
  const SuiteRows from(table, {"elementwise"});
  for (const auto row : from.rows()) {
    // The others run inside products: see grouped_gemm and the epilogues of libraries.
    if (from.cell(row, "kernel") != "rms_norm_residual") continue;
    keep(m.elementwise, ElementwiseSample{"rms_norm_residual", from.number(row, "moved_bytes")},
         from, row, m.left_out);
  }
}

void add_attention(Measured& m, const CsvTable& table) {
  const SuiteRows from(table, {"attention_decode", "attention_prefill"});
  for (const auto row : from.rows()) {
    AttentionSample sample;
    sample.decode = from.cell(row, "op") == "attention_decode";
    const auto format = from.format(row);
    sample.kernel = format.kernel;
    sample.math = format.weight;
    auto& shape = sample.shape;
    const bool latent = from.cell(row, "kind") == "mla";
    shape.kind = latent ? AttentionKind::kMultiHeadLatent : AttentionKind::kGroupedQuery;
    shape.activation = format.weight;
    shape.kv = sample.decode ? from.dtype(row, "kv_dtype") : format.weight;
    shape.heads = from.count(row, "heads");
    // Absorbed: one latent serves all heads, but models count a KV head for each.
    shape.kv_heads = latent ? shape.heads : from.count(row, "kv_heads");
    shape.head_dim = from.count(row, "head_dim");
    if (latent) {
      shape.kv_lora_rank = from.count(row, "kv_lora_rank");
      shape.qk_rope_head_dim = from.count(row, "qk_rope_head_dim");
    }
    sample.batch = from.count(row, "batch");
    sample.length = from.count(row, sample.decode ? "context" : "tokens");
    keep(m.attention, std::move(sample), from, row, m.left_out);
  }
}

}  // namespace

Suite read_suite(const std::string& folder) {
  Suite suite;
  suite.folder = folder;
  const auto record = (fs::path(folder) / "run.json").string();
  std::error_code ignored;
  if (!fs::exists(record, ignored))
    throw InputError(
        fmt::format("{}: no run.json, so no benchmark wrote this folder; measure with "
                    "`{}`",
                    folder, bench_command(suite)));
  suite.record = parse_bench_record(read_text_file(record), record);
  if (suite.record.short_mode)
    throw InputError(fmt::format(
        "{}: measured with --short, which has too few points for a fit; measure without it into "
        "another folder",
        folder));
  std::set<std::string> files;
  for (const auto& operation : bench_suite()) files.insert(operation.file);
  for (const auto& name : files) {
    const auto path = (fs::path(folder) / name).string();
    if (fs::exists(path, ignored)) suite.tables.push_back(read_csv(path));
  }
  std::vector<std::string> problems;
  for (const auto& operation : kNeeded)
    if (auto problem = problem_of(suite, operation); !problem.empty())
      problems.push_back(std::move(problem));
  if (!problems.empty())
    throw InputError(fmt::format("{}: not complete: {}; `{}` goes on from there", folder,
                                 fmt::join(problems, ", "), bench_command(suite)));
  return suite;
}

void add_suite_rows(Measured& measured, const CsvTable& table) {
  measured.all_rows = true;
  add_gemm(measured, table);
  add_router(measured, table);
  add_experts(measured, table);
  add_around(measured, table);
  add_elementwise(measured, table);
  add_attention(measured, table);
}

std::vector<LayerTiming> layer_timings(const CsvTable& table) {
  const SuiteRows from(table, {"moe_layer"});
  std::vector<LayerTiming> all;
  for (const auto row : from.rows()) {
    const auto time_s = from.time_s(row);
    if (!time_s) continue;
    all.push_back({from.format(row), from.count(row, "hidden"), from.count(row, "intermediate"),
                   from.count(row, "experts"), from.count(row, "topk"), from.count(row, "tokens"),
                   from.number(row, "skew"), from.counts(row, "tokens_per_expert"), *time_s});
  }
  if (all.empty())
    throw InputError(Location{table.file, 1, 1}, "no layer was executed: no row of moe_layer");
  return all;
}

}  // namespace moesim
