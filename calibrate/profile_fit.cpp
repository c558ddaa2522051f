#include "calibrate/profile_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "calibrate/aiconfigurator.hpp"
#include "calibrate/hold_out.hpp"
#include "calibrate/residual_grids.hpp"
#include "calibrate/sequential_fit.hpp"

namespace moesim {
namespace {

template <class Sample>
void append(std::vector<Sample>& to, Imported<Sample> from,
            std::map<std::string, std::int64_t>& left_out) {
  to.insert(to.end(), std::make_move_iterator(from.samples.begin()),
            std::make_move_iterator(from.samples.end()));
  for (const auto& [why, rows] : from.left_out) left_out[why] += rows;
}

template <class Sample, class Key>
auto grouped(const std::vector<Sample>& samples, Key key) {
  std::map<decltype(key(samples.front())), std::vector<Sample>> groups;
  for (const auto& s : samples) groups[key(s)].push_back(s);
  return groups;
}

std::vector<HoldOut> summaries(const std::vector<SplitErrors>& splits) {
  std::vector<HoldOut> all;
  for (const auto& split : splits)
    for (auto& one : summarise(split)) all.push_back(std::move(one));
  return all;
}

template <class Sample>
std::vector<HoldOut> errors_of(const std::vector<Sample>& samples, const Device& device) {
  return summaries(hold_out(std::span<const Sample>(samples), device));
}

bool block_scaled(const std::string& scheme) { return scheme.find("block") != std::string::npos; }

/// What a fit serves; a profile keeps one fit for each.
auto serves(const GemmFit& fit) { return fit.weight; }
auto serves(const ExpertsFit& fit) { return std::pair(fit.weight, fit.gated); }
template <class Form>
auto serves(const AttentionFit<Form>& fit) {
  return std::tuple(fit.kind, fit.head_dim, fit.kv);
}

/// In the order in which they should serve: block-scaled before per-tensor, a library's kernel
/// before the suite's own, then the kernel with most rows; attention in bf16 before others.
template <class Fit>
void prefer(std::vector<Fit>& fits) {
  std::ranges::stable_sort(fits, [](const Fit& a, const Fit& b) {
    const auto key = [](const Fit& f) {
      return std::tuple(serves(f), !block_scaled(f.origin.scheme), f.origin.kernel == "own",
                        -f.origin.points);
    };
    return key(a) < key(b);
  });
}

/// Whether a fit may stand beside the preferred one of its format. Engines choose among their
/// kernels for experts (kernel_choice.hpp), but not between scales per block and per tensor, which
/// are properties of the checkpoint.
bool alternative(const ExpertsFit& preferred, const ExpertsFit& fit) {
  return block_scaled(preferred.origin.scheme) == block_scaled(fit.origin.scheme);
}
template <class Fit>
bool alternative(const Fit&, const Fit&) {
  return false;
}

/// Keeps the fits that may serve each format.
template <class Fit>
void keep_preferred(std::vector<Fit>& fits, const char* operation,
                    std::map<std::string, std::int64_t>& left_out) {
  prefer(fits);
  std::vector<Fit> kept;
  for (auto& fit : fits) {
    if (!kept.empty() && serves(kept.back()) == serves(fit) && !alternative(kept.back(), fit))
      left_out[fmt::format("{} {} {}: another kernel serves this format", operation,
                           fit.origin.scheme, fit.origin.kernel)] += fit.origin.points;
    else
      kept.push_back(std::move(fit));
  }
  fits = std::move(kept);
}

std::string name_of(const KernelFormat& format) {
  return format.kernel.empty() ? format.scheme : format.scheme + ", " + format.kernel;
}

/// One fit for permute and one for combine, as far as they were measured.
std::vector<ElementwiseFit> fit_around(const std::vector<ElementwiseSample>& all,
                                       const Device& device) {
  std::vector<ElementwiseFit> fits;
  for (const auto& [kernel, samples] : grouped(all, [](const auto& s) { return s.kernel; })) {
    fits.push_back(fit_elementwise(samples, device));
    fits.back().origin.hold_out = errors_of(samples, device);
  }
  return fits;
}

/// What ships of the experts' rows: every other token count (and the last); the others are what
/// `moesim validate kernels` tests on.
std::vector<ExpertsSample> shipped(const std::vector<ExpertsSample>& samples) {
  const auto kept = kept_tokens(samples);
  std::vector<ExpertsSample> result;
  for (const auto& s : samples)
    if (std::ranges::binary_search(kept, s.tokens)) result.push_back(s);
  return result;
}

}  // namespace

void Measured::add(const CsvTable& table) {
  const auto kind = recognise(table);
  if (table.rows() == 0) throw InputError(Location{table.file, 1, 1}, "the table has no rows");
  if (kind == KernelTable::kGemm)
    append(gemm, import_gemm(table), left_out);
  else if (kind == KernelTable::kExperts)
    append(experts, import_experts(table), left_out);
  else
    append(attention, import_attention(table, kind), left_out);
}

Profile fit_profile(Measured& measured, const Device& device, const FitProgress& progress) {
  Profile profile;
  const auto enough = [&](std::size_t rows, const std::string& what,
                          std::size_t needed = 2 * kFewestPoints) {
    if (rows >= needed) {
      progress(what);
      return true;
    }
    measured.left_out[what + ": too few rows to fit"] += static_cast<std::int64_t>(rows);
    return false;
  };
  const auto fit_gemms = [&](const std::vector<GemmSample>& all, const std::string& what,
                             std::vector<GemmFit>& fits) {
    for (const auto& [format, samples] : grouped(all, [](const auto& s) { return s.format; })) {
      if (!enough(samples.size(), what + " " + name_of(format))) continue;
      fits.push_back(fit_gemm(samples, device));
      fits.back().origin.hold_out = errors_of(samples, device);
    }
  };
  fit_gemms(measured.gemm, "gemm", profile.gemm);
  fit_gemms(measured.router, "router", profile.router);
  const auto around = fit_around(measured.around, device);
  for (const auto& [key, samples] : grouped(
           measured.experts, [](const ExpertsSample& s) { return std::pair(s.format, s.gated); })) {
    if (!enough(samples.size(), "experts " + name_of(key.first))) continue;
    if (measured.sequential) {
      auto& fit = profile.sequential_experts.emplace_back(fit_sequential_experts(samples, device));
      fit.origin.hold_out = summaries(hold_out_sequential(samples, device));
      fit.around = around;
      continue;
    }
    auto& fit = profile.experts.emplace_back(
        fit_experts(measured.all_rows ? samples : shipped(samples), device));
    fit.origin.hold_out = errors_of(samples, device);
    fit.around = around;
  }
  const auto attention_key = [](const AttentionSample& s) {
    return std::tuple(s.decode, s.shape.kind, s.shape.head_dim, s.math, s.shape.kv, s.kernel);
  };
  for (const auto& [key, samples] : grouped(measured.attention, attention_key)) {
    const auto& first = samples.front();
    const auto what =
        fmt::format("{} attention {}, kv {}", first.decode ? "decode" : "prefill",
                    first.shape.kind == AttentionKind::kMultiHeadLatent ? "mla" : "gqa",
                    names_of(Dtype{}).at(static_cast<std::size_t>(first.shape.kv)));
    if (!enough(samples.size(), what)) continue;
    const auto add = [&](auto& list, auto fit) {
      fit.origin.hold_out = errors_of(samples, device);
      list.push_back(std::move(fit));
    };
    if (first.decode)
      add(profile.decode, fit_decode(samples, device));
    else
      add(profile.prefill, fit_prefill(samples, device));
  }
  if (!measured.elementwise.empty() &&
      enough(measured.elementwise.size(), "element-wise kernels", 2 * kFewestStreamPoints)) {
    profile.elementwise.push_back(fit_elementwise(measured.elementwise, device));
    profile.elementwise.back().origin.hold_out = errors_of(measured.elementwise, device);
  }
  if (measured.all_rows) {
    // Executed layers are held against the kernel that ran them, which need not be the first.
    prefer(profile.gemm);
    prefer(profile.experts);
  } else {
    keep_preferred(profile.gemm, "gemm", measured.left_out);
    keep_preferred(profile.experts, "experts", measured.left_out);
    keep_preferred(profile.prefill, "prefill", measured.left_out);
    keep_preferred(profile.decode, "decode", measured.left_out);
  }
  if (profile.gemm.empty() && profile.experts.empty() && profile.sequential_experts.empty() &&
      profile.prefill.empty() && profile.decode.empty() && profile.elementwise.empty())
    throw InputError("nothing to fit: the tables hold no kernel with enough usable rows");
  return profile;
}

}  // namespace moesim
