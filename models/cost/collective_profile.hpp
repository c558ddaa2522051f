// Measured collectives of one library on one device: for each operation, group of ranks and number
// of SMs a closed form (start-up + bytes / bandwidth + a square-root term + a term per token) and
// curves of what the form leaves over, with provenance and hold-out errors. Written by `moesim
// calibrate import`, read wherever a lone collective is timed. Contract: more bytes never take less
// time. Not modelled: contention (sim/transport), ranks that do not start together.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "models/cost/profile.hpp"

namespace moesim {

/// One call of a collective as a rank sees it.
struct CollectiveWork {
  double bytes = 0;    ///< that leave the rank
  double tokens = 0;   ///< that one block of threads handles in turn; 0 for plain buffers
  double experts = 0;  ///< whose counts travel ahead of the tokens; 0 for plain buffers
};

/// The model behind the tokens of an expert-parallel collective; all zero for plain buffers.
struct TokenShape {
  std::int64_t hidden = 0, topk = 0, experts = 0;
  auto operator<=>(const TokenShape&) const = default;
};

/// Start-up + bytes / bandwidth + root * sqrt(bytes) + per_token * tokens +
/// per_expert * experts. The square root is the
/// ramp between the two regimes, where a library changes protocol and channels with the size.
struct CollectiveForm {
  Seconds start;
  BytesPerSecond bandwidth{1};
  double root_s = 0;  ///< [s / sqrt(byte)]
  Seconds per_token, per_expert;

  double time_s(const CollectiveWork& work) const;
  static const Parameters<CollectiveForm>& parameters();
};

/// log(measured / form) of one shape at the sizes of its fit.
struct CollectiveCurve {
  std::vector<std::int64_t> model;  ///< hidden, topk, experts (TokenShape); empty: plain buffers
  double bytes_per_size = 1;        ///< CollectiveWork::bytes per unit of size
  double tokens_per_size = 0;       ///< CollectiveWork::tokens per unit of size
  std::vector<std::int64_t> sizes;  ///< tokens of a rank, or bytes of the buffer
  std::vector<std::int64_t> log_ratio;  ///< thousandths of a natural logarithm, per size

  TokenShape shape() const {
    return model.size() == 3 ? TokenShape{model[0], model[1], model[2]} : TokenShape{};
  }
  CollectiveWork work(double size) const {
    return {size * bytes_per_size, size * tokens_per_size, static_cast<double>(shape().experts)};
  }
  static const Parameters<CollectiveCurve>& parameters();
};

struct CollectiveFit {
  std::string operation;  ///< "all_reduce", "alltoall", "low-latency dispatch", ...
  std::int64_t nodes = 1, ranks = 2;
  std::int64_t sms = 0;  ///< that the kernel takes; 0: the library decides
  CollectiveForm form;
  Span bytes;  ///< measured range
  FitOrigin origin;
  std::vector<std::int64_t> sizes;  ///< of curves that name none of their own
  std::vector<CollectiveCurve> curves;

  /// With the curves of `shape`, or those of shapes near it where it was not measured.
  Prediction predict(const CollectiveWork& work, const TokenShape& shape = {}) const;
  /// With the form alone.
  Prediction predict_form(const CollectiveWork& work) const;
  /// Gives every curve its sizes and prepares lookups; to be called when form or curves change.
  void prepare();

  static const Parameters<CollectiveFit>& parameters();
  void check(const Node& at) const;

 private:
  struct Prepared {
    std::vector<double> log_form, log_time;  ///< both ascend
    TokenShape shape;
    double log_hidden = 0, log_topk = 0;  ///< of the shape
  };
  double log_time(const Prepared& curve, double log_form) const;
  std::vector<Prepared> prepared_;
};

struct CollectiveProfile {
  std::string schema = "moesim-collectives/1";
  std::string name;
  std::string device;  ///< a name of the device catalogue
  Provenance provenance;
  std::vector<CollectiveFit> fits;

  /// The fit of an operation and group, or nullptr. Empty `scheme` and `sms` 0 take the first.
  const CollectiveFit* find(const std::string& operation, std::int64_t nodes, std::int64_t ranks,
                            const std::string& scheme = "", std::int64_t sms = 0) const;
  static const Parameters<CollectiveProfile>& parameters();
  void check(const Node& at) const;
};

/// Throws InputError at file:line:column.
CollectiveProfile parse_collective_profile(const std::string& text, const std::string& file);
CollectiveProfile read_collective_profile(const std::string& path);
/// As read_collective_profile, once per process.
std::shared_ptr<const CollectiveProfile> shared_collective_profile(const std::string& path);
std::string collective_profile_yaml(const CollectiveProfile& profile);

/// Profiles that ship for a device, by name; as in "h100-sxm.nccl-2.29.2".
std::vector<std::string> collective_profile_names(const std::string& device);
std::string collective_profile_file(const std::string& name);

}  // namespace moesim
