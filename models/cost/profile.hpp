// A device profile: the fitted forms of one kernel library on one device, with where the
// measurements come from and how wrong the fits are on rows they have not seen. NAME.yaml holds
// forms and provenance, NAME.residual.csv beside it the residual grids. Written by `moesim
// calibrate fit`, read by the cost tiers `fit` and `residual`.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/cost/forms.hpp"
#include "models/cost/residual.hpp"
#include "models/cost/sequential_experts.hpp"

namespace moesim {

/// Errors on rows held out of the fit; fractions of the measured time.
struct HoldOut {
  std::string split;   ///< "unseen token count", "unseen shape", "unseen length"
  std::string regime;  ///< "decode balanced", "prefill skewed", ...; empty: all
  CostTier tier = CostTier::fit;
  std::int64_t points = 0;
  double mean = 0, median = 0, p90 = 0;  ///< of |predicted - measured| / measured
  double bias = 0;                       ///< median, with its sign
  static const Parameters<HoldOut>& parameters();
};

/// What every fit states about itself.
struct FitOrigin {
  std::string kernel;  ///< implementation inside the library
  std::string scheme;  ///< number format as the table names it
  std::int64_t points = 0, left_out = 0;
  std::vector<HoldOut> hold_out;
  static const Parameters<FitOrigin>& parameters();
};

/// Smallest and largest value of a dimension among the points of a fit.
struct Span {
  double from = 0, to = 0;
  bool holds(double value) const { return value >= from && value <= to; }
  void add(double value);
  static const Parameters<Span>& parameters();
};

struct GemmFit {
  Dtype weight = Dtype::bf16;
  GemmForm form;
  Span m, n, k;
  FitOrigin origin;
  GemmResidual residual;
  static const Parameters<GemmFit>& parameters();
};

/// Kernels that only move bytes.
struct ElementwiseFit {
  StreamForm form;
  Span bytes;
  FitOrigin origin;
  static const Parameters<ElementwiseFit>& parameters();
};

struct ExpertsFit {
  Dtype weight = Dtype::bf16;
  bool gated = true;
  ExpertsForm form;
  Span hidden, intermediate, local, assigned;
  /// For a shape not measured: the share of what its neighbours' residual says, 0 to 1.
  double neighbours = 1;
  /// For a token count between measured ones: the share of a change that goes by powers of two.
  double steps = 0;
  ExpertsResidual::Shares shares() const { return {neighbours, steps}; }
  /// Permute and combine, where the measured rows are the products alone; empty where the rows hold
  /// everything.
  std::vector<ElementwiseFit> around;
  FitOrigin origin;
  ExpertsResidual residual;
  static const Parameters<ExpertsFit>& parameters();
};

/// Experts that run one after another.
struct SequentialExpertsFit {
  Dtype weight = Dtype::fp32;
  bool gated = true;
  ExpertsForm form;                 ///< of one expert, for shapes without a curve
  Span hidden, intermediate, rows;  ///< of one expert
  std::vector<ElementwiseFit> around;
  std::vector<ExpertCurve> curves;
  FitOrigin origin;
  static const Parameters<SequentialExpertsFit>& parameters();
};

/// `Form` is PrefillForm or DecodeForm.
template <class Form>
struct AttentionFit {
  AttentionKind kind = AttentionKind::kGroupedQuery;
  Dtype kv = Dtype::bf16;
  Dtype math = Dtype::bf16;
  std::int64_t head_dim = 128;
  Form form;
  Span heads, batch, length;
  FitOrigin origin;
  AttentionResidual residual;
  static const Parameters<AttentionFit>& parameters();
};

struct Provenance {
  std::string kind;    ///< "measured" (with moesim's suite) or "imported"
  std::string source;  ///< who measured it, with version or commit
  std::string licence;
  std::string library;  ///< e.g. "TensorRT-LLM"
  std::string version;
  std::string driver;  ///< empty: not recorded
  std::string date;    ///< of the fit, or of a measurement, YYYY-MM-DD
  /// How steady the device was, where points were measured again and again: median coefficient of
  /// variation, and the largest change from first to last.
  std::optional<double> anchor_cv, drift;
  std::vector<std::string> tables;  ///< file names
  static const Parameters<Provenance>& parameters();
};

struct Profile {
  std::string schema = "moesim-profile/1";
  std::string name;
  std::string device;  ///< a name of the device catalogue, or of `measured_device`
  /// The device as the suite found it, for one that the catalogue does not have (a CPU, an unknown
  /// GPU): what the fits divide by.
  std::optional<Device> measured_device;
  Provenance provenance;
  std::vector<GemmFit> gemm;
  std::vector<GemmFit> router;  ///< scores and choice of experts together
  std::vector<ExpertsFit> experts;
  std::vector<SequentialExpertsFit> sequential_experts;
  std::vector<AttentionFit<PrefillForm>> prefill;
  std::vector<AttentionFit<DecodeForm>> decode;
  std::vector<ElementwiseFit> elementwise;

  static const Parameters<Profile>& parameters();
  void check(const Node& at) const;
};

/// `path` is the YAML file; the residual grids beside it are read when it names them. Throws
/// InputError.
Profile read_profile(const std::string& path);
/// As read_profile, once per process: what its grids remember of lookups is shared, so not for
/// several threads.
std::shared_ptr<const Profile> shared_profile(const std::string& path);

/// YAML text and residual text of a profile.
std::string profile_yaml(const Profile& profile);
std::string residual_text(const Profile& profile);
/// Adds the grids of a residual file to the fits they belong to. Throws InputError at file:line.
void add_residuals(Profile& profile, const std::string& text, const std::string& file);

}  // namespace moesim
