#include "models/cost/profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "sim/core/parsed_files.hpp"
#include "sim/core/suggest.hpp"
#include "sim/core/text_file.hpp"

namespace moesim {

void Span::add(double value) {
  if (to == 0 && from == 0) {
    from = to = value;
    return;
  }
  from = std::min(from, value);
  to = std::max(to, value);
}

const std::vector<std::string>& names_of(CostTier) {
  static const std::vector<std::string> names = {"spec", "fit", "residual"};
  return names;
}

const Parameters<HoldOut>& HoldOut::parameters() {
  static const auto list =
      Parameters<HoldOut>()
          .optional("split", &HoldOut::split, "what the held-out rows have that the fit never saw")
          .optional("regime", &HoldOut::regime, "which rows")
          .optional("tier", &HoldOut::tier, "tier that predicted them")
          .optional("points", &HoldOut::points, "held-out rows")
          .optional("mean", &HoldOut::mean, "mean of |error|")
          .optional("median", &HoldOut::median, "median of |error|")
          .optional("p90", &HoldOut::p90, "90th percentile of |error|")
          .optional("bias", &HoldOut::bias, "median of the signed error");
  return list;
}

const Parameters<FitOrigin>& FitOrigin::parameters() {
  static const auto list =
      Parameters<FitOrigin>()
          .optional("kernel", &FitOrigin::kernel, "implementation inside the library")
          .optional("scheme", &FitOrigin::scheme, "number format as the table names it")
          .optional("points", &FitOrigin::points, "rows of the fit")
          .optional("left_out", &FitOrigin::left_out, "rows that were cleaned away")
          .optional("hold_out", &FitOrigin::hold_out, "errors on rows the fit has not seen");
  return list;
}

const Parameters<Span>& Span::parameters() {
  static const auto list = Parameters<Span>()
                               .optional("from", &Span::from, "smallest measured value")
                               .optional("to", &Span::to, "largest measured value");
  return list;
}

namespace {

template <class Fit>
Parameters<Fit>& with_origin(Parameters<Fit>& list) {
  return list.optional("origin", &Fit::origin, "where the fit comes from and how good it is");
}

template <class Fit>
Parameters<Fit> attention_parameters() {
  auto list = Parameters<Fit>()
                  .optional("kind", &Fit::kind, "kind of attention")
                  .optional("kv", &Fit::kv, "number format of the KV cache")
                  .optional("math", &Fit::math, "number format of the products")
                  .optional("head_dim", &Fit::head_dim, "width of a head")
                  .min(1)
                  .optional("form", &Fit::form, "fitted parameters")
                  .optional("heads", &Fit::heads, "measured range: query heads on a rank")
                  .optional("batch", &Fit::batch, "measured range: sequences")
                  .optional("length", &Fit::length, "measured range: tokens of a sequence");
  with_origin(list);
  return list;
}

}  // namespace

const Parameters<GemmFit>& GemmFit::parameters() {
  static const auto list = [] {
    auto all = Parameters<GemmFit>()
                   .optional("weight", &GemmFit::weight, "number format of the weights")
                   .optional("form", &GemmFit::form, "fitted parameters")
                   .optional("m", &GemmFit::m, "measured range: rows")
                   .optional("n", &GemmFit::n, "measured range: columns")
                   .optional("k", &GemmFit::k, "measured range: inner dimension");
    with_origin(all);
    return all;
  }();
  return list;
}

const Parameters<ExpertsFit>& ExpertsFit::parameters() {
  static const auto list = [] {
    auto all = Parameters<ExpertsFit>()
                   .optional("weight", &ExpertsFit::weight, "number format of the weights")
                   .optional("gated", &ExpertsFit::gated, "experts with a gate projection")
                   .optional("form", &ExpertsFit::form, "fitted parameters")
                   .optional("hidden", &ExpertsFit::hidden, "measured range: hidden size")
                   .optional("intermediate", &ExpertsFit::intermediate,
                             "measured range: intermediate size on a rank")
                   .optional("local", &ExpertsFit::local, "measured range: experts on a rank")
                   .optional("assigned", &ExpertsFit::assigned, "measured range: rows on a rank")
                   .optional("neighbours", &ExpertsFit::neighbours,
                             "share of what the residuals of measured shapes say that an "
                             "unmeasured shape takes, 0 to 1")
                   .optional("steps", &ExpertsFit::steps,
                             "share of a change between two token counts that goes by powers of "
                             "two of an expert's rows, 0 to 1")
                   .optional("around", &ExpertsFit::around,
                             "permute and combine, where the rows are the products alone");
    with_origin(all);
    return all;
  }();
  return list;
}

const Parameters<SequentialExpertsFit>& SequentialExpertsFit::parameters() {
  using Fit = SequentialExpertsFit;
  static const auto list = [] {
    auto all = Parameters<Fit>()
                   .optional("weight", &Fit::weight, "number format of the weights")
                   .optional("gated", &Fit::gated, "experts with a gate projection")
                   .optional("form", &Fit::form, "fitted parameters of one expert")
                   .optional("hidden", &Fit::hidden, "measured range: hidden size")
                   .optional("intermediate", &Fit::intermediate,
                             "measured range: intermediate size on a rank")
                   .optional("rows", &Fit::rows, "measured range: rows of one expert")
                   .optional("around", &Fit::around, "permute and combine")
                   .optional("curves", &Fit::curves, "one expert of each measured shape");
    with_origin(all);
    return all;
  }();
  return list;
}

template <>
const Parameters<AttentionFit<PrefillForm>>& AttentionFit<PrefillForm>::parameters() {
  static const auto list = attention_parameters<AttentionFit<PrefillForm>>();
  return list;
}

template <>
const Parameters<AttentionFit<DecodeForm>>& AttentionFit<DecodeForm>::parameters() {
  static const auto list = attention_parameters<AttentionFit<DecodeForm>>();
  return list;
}

const Parameters<ElementwiseFit>& ElementwiseFit::parameters() {
  static const auto list = [] {
    auto all = Parameters<ElementwiseFit>()
                   .optional("form", &ElementwiseFit::form, "fitted parameters")
                   .optional("bytes", &ElementwiseFit::bytes, "measured range: bytes moved");
    with_origin(all);
    return all;
  }();
  return list;
}

const Parameters<Provenance>& Provenance::parameters() {
  static const auto list =
      Parameters<Provenance>()
          .required("kind", &Provenance::kind, "measured or imported", "measured")
          .required("source", &Provenance::source, "who measured it", "own")
          .required("licence", &Provenance::licence, "licence of the measurements", "Apache-2.0")
          .required("library", &Provenance::library, "kernel library", "cuBLAS")
          .required("version", &Provenance::version, "version of the library", "13.1")
          .optional("driver", &Provenance::driver, "driver; empty: not recorded")
          .required("date", &Provenance::date, "date of the fit or the measurement", "2026-01-01")
          .optional("anchor_cv", &Provenance::anchor_cv,
                    "noise: median coefficient of variation of repeated points")
          .min(0)
          .optional("drift", &Provenance::drift, "noise: largest change from first to last")
          .optional("tables", &Provenance::tables, "tables behind the fits");
  return list;
}

const Parameters<Profile>& Profile::parameters() {
  static const auto list =
      Parameters<Profile>()
          .required("schema", &Profile::schema, "version of this form", "moesim-profile/1")
          .required("name", &Profile::name, "name of the profile", "my-gpu")
          .required("device", &Profile::device, "a device of the catalogue", "h100-sxm")
          .optional("measured_device", &Profile::measured_device,
                    "the device as it was measured, where the catalogue does not have it")
          .required("provenance", &Profile::provenance, "where the measurements come from", "{}")
          .optional("gemm", &Profile::gemm, "dense GEMMs")
          .optional("router", &Profile::router, "gates: scores and choice of experts")
          .optional("experts", &Profile::experts, "routed experts of one MoE layer")
          .optional("sequential_experts", &Profile::sequential_experts,
                    "routed experts that run one after another")
          .optional("prefill", &Profile::prefill, "attention of new tokens")
          .optional("decode", &Profile::decode, "attention of one token per sequence")
          .optional("elementwise", &Profile::elementwise, "kernels that only move bytes");
  return list;
}

void Profile::check(const Node& at) const {
  if (schema != "moesim-profile/1")
    throw InputError(at.where, "this profile has schema '" + schema +
                                   "'; this version of moesim reads 'moesim-profile/1'");
  if (gemm.empty() && experts.empty() && sequential_experts.empty() && prefill.empty() &&
      decode.empty() && elementwise.empty())
    throw InputError(at.where, "this profile has no fit at all");
}

namespace {

std::string grids_beside(const std::string& path) {
  return path.substr(0, path.rfind(".yaml")) + ".residual.csv";
}

}  // namespace

Profile read_profile(const std::string& path) {
  Profile profile = Profile::parameters().read(read_yaml(path));
  if (profile.measured_device) profile.measured_device->name = profile.device;
  const auto grids = grids_beside(path);
  std::error_code ignored;
  if (std::filesystem::exists(grids, ignored)) add_residuals(profile, read_text_file(grids), grids);
  return profile;
}

std::shared_ptr<const Profile> shared_profile(const std::string& path) {
  static ParsedFiles<Profile> profiles;
  return profiles.get({path, grids_beside(path)}, [&] { return read_profile(path); });
}

namespace {

/// Five digits say all that a fit knows.
void round_numbers(Node& node) {
  for (auto& item : node.items) round_numbers(item);
  if (!node.is_scalar() || node.quoted || node.text.size() < 7) return;
  char* end = nullptr;
  const double value = std::strtod(node.text.c_str(), &end);
  if (*end == '\0') node.text = fmt::format("{:.5g}", value);
}

}  // namespace

std::string profile_yaml(const Profile& profile) {
  Node node = Profile::parameters().write(profile);
  round_numbers(node);
  return to_yaml(node);
}

}  // namespace moesim
