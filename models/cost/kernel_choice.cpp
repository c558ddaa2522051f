#include "models/cost/kernel_choice.hpp"

#include <bit>
#include <limits>
#include <numeric>

#include "models/cost/predict.hpp"

namespace moesim {
namespace {

/// Predicted for the same layer with 2^rows_log2 - 1 rows, evenly spread.
double time_s(const ExpertsFit& fit, const Peaks& peaks, ExpertWork work, int rows_log2) {
  std::vector<std::int32_t> rows(work.tokens_per_expert.size());
  const std::int64_t all = (std::int64_t{1} << rows_log2) - 1, local = std::ssize(rows);
  for (std::int64_t i = 0; i < local; ++i)
    rows[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(all / local + (i < all % local));
  work.tokens_per_expert = rows;
  return predict(fit, peaks, work, true).time.value;
}

const ExpertsFit* fastest(std::span<const ExpertsFit* const> fits, const Peaks& peaks,
                          const ExpertWork& work, int rows_log2) {
  const ExpertsFit* best = nullptr;
  bool best_measured = false;
  double best_s = std::numeric_limits<double>::infinity();
  for (const auto* fit : fits) {
    const bool own = fit->residual.knows(work);
    const double s = time_s(*fit, peaks, work, rows_log2);
    if (best != nullptr && (own < best_measured || (own == best_measured && s >= best_s))) continue;
    best = fit;
    best_measured = own;
    best_s = s;
  }
  return best;
}

}  // namespace

const ExpertsFit& KernelChoice::of(std::span<const ExpertsFit* const> fits, const Peaks& peaks,
                                   const ExpertWork& work) const {
  if (fits.size() == 1 || work.tokens_per_expert.empty()) return *fits.front();
  const auto family = ExpertsResidual::family_of(work);
  // In 32 bits, as expert_load adds them: vector code.
  const auto rows =
      std::accumulate(work.tokens_per_expert.begin(), work.tokens_per_expert.end(), 0);
  const auto rows_log2 = static_cast<int>(std::bit_width(static_cast<std::uint32_t>(rows)));
  if (rows_log2 == 0) return *fits.front();
  for (const auto& c : chosen_)
    if (c.rows_log2 == rows_log2 && c.family == family && c.weight == work.weight) return *c.fit;
  const auto* fit = fastest(fits, peaks, work, rows_log2);
  chosen_.push_back({work.weight, family, rows_log2, fit});
  return *fit;
}

}  // namespace moesim
