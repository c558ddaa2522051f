#include "calibrate/imbalance_check.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <tuple>

#include "calibrate/aiconfigurator.hpp"
#include "calibrate/fit.hpp"
#include "calibrate/hold_out.hpp"
#include "calibrate/power_law_draws.hpp"
#include "models/cost/predict.hpp"

namespace moesim {
namespace {

constexpr std::uint64_t kDraws = 10;  // of the prediction; the noise of a row takes five others

auto layer_of(const ExpertsSample& s) {
  return std::tuple(s.hidden, s.intermediate, s.experts, s.topk, s.tensor, s.expert_parallel,
                    s.tokens);
}

std::optional<PowerLaw> law_of(const ExpertsSample& s) {
  const std::string prefix = "power_law_";
  if (!s.distribution.starts_with(prefix)) return std::nullopt;
  return PowerLaw{s.tokens,
                  s.experts,
                  s.topk,
                  s.expert_parallel,
                  std::strtod(s.distribution.c_str() + prefix.size(), nullptr),
                  group_limited(s)};
}

/// Draws are dear and shared: one set for all layers of as many experts and tokens.
class Draws {
 public:
  const std::vector<std::vector<std::int32_t>>& of(const PowerLaw& law) {
    auto& draws = drawn_[{law.tokens, law.experts, law.topk, law.expert_parallel, law.alpha,
                          law.group_limited}];
    for (std::uint64_t i = draws.size(); i < kDraws + kDrawsPerMeasuredRow; ++i)
      draws.push_back(draw_counts(law, i));
    return draws;
  }

 private:
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, double, bool>,
           std::vector<std::vector<std::int32_t>>>
      drawn_;
};

/// Mean predicted time over the draws [s].
double mean_time(const ExpertsFit& fit, const Peaks& peaks, const ExpertsSample& sample,
                 std::span<const std::vector<std::int32_t>> draws) {
  double sum = 0;
  for (const auto& counts : draws) {
    auto work = sample.work();
    work.tokens_per_expert = counts;
    sum += predict(fit, peaks, work, true).time.value;
  }
  return sum / static_cast<double>(draws.size());
}

}  // namespace

std::vector<ImbalancePoint> check_imbalance(std::span<const ExpertsSample> samples,
                                            const Device& device) {
  std::vector<ExpertsSample> balanced;
  std::map<decltype(layer_of(samples.front())), double> balanced_s;
  for (const auto& s : samples) {
    if (!s.balanced()) continue;
    balanced.push_back(s);
    balanced_s[layer_of(s)] = s.time_s;
  }
  if (balanced.size() < kFewestPoints) return {};
  const auto fit = fit_experts(balanced, device);
  const auto peaks = peaks_of(device, fit);
  Draws drawn;
  std::vector<ImbalancePoint> points;
  for (const auto& s : samples) {
    const auto law = law_of(s);
    const auto same = balanced_s.find(layer_of(s));
    if (!law || same == balanced_s.end()) continue;
    const std::span draws = drawn.of(*law);
    const double predicted = mean_time(fit, peaks, s, draws.first(kDraws));
    const double five = mean_time(fit, peaks, s, draws.subspan(kDraws));
    points.push_back({regime_of(s), predicted / s.time_s - 1, same->second / s.time_s - 1,
                      five / predicted - 1});
  }
  return points;
}

}  // namespace moesim
