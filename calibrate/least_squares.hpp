// Fits the parameters of a form (models/cost/forms.hpp) to measured times: Levenberg-Marquardt of
// Eigen on the logarithms of the parameters, with soft-L1 loss (scale 0.1) on the logarithms of
// predicted over measured time, so that a few wrong rows do not pull the fit and every point counts
// by its relative error. The exponent of a p-norm is fitted as log(p - 1). Deterministic.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "models/cost/forms.hpp"

namespace moesim {

/// Fills one value per point, given the unknowns.
using LogRatios = std::function<void(std::span<const double> unknowns, std::span<double> out)>;

/// Minimises the soft-L1 sum of log(predicted / measured) over `unknowns`. `log_ratios(x, out)`
/// fills one value per point. Returns the mean loss.
double minimise(std::vector<double>& unknowns, std::size_t points, const LogRatios& log_ratios);

template <class Form>
struct Fitted {
  Form form;
  double loss = 0;
};

/// `work[i]` took `time_s[i]`. `start` has the parameters to begin with and those that are not
/// fitted. At least one point.
template <class Form>
Fitted<Form> fit_form(const Form& start, std::span<const typename Form::Work> work,
                      std::span<const double> time_s, const Peaks& peaks) {
  // Below an exponent of 1.001 the terms add, above 31 the larger one counts.
  constexpr double low = 1e-3, high = 30;
  const auto is_norm = [](Form& form, const double* value) {
    if constexpr (requires { form.norm; }) return value == &form.norm;
    return false;
  };
  const auto with = [&](std::span<const double> logs) {
    Form form = start;
    const auto fitted = form.fitted();
    for (std::size_t i = 0; i < fitted.size(); ++i) {
      const double value = std::exp(std::clamp(logs[i], -60.0, 4.6));
      *fitted[i] = is_norm(form, fitted[i]) ? 1 + std::clamp(value, low, high) : value;
    }
    return form;
  };
  Form begin = start;
  const auto fitted = begin.fitted();
  std::vector<double> logs(fitted.size());
  for (std::size_t i = 0; i < fitted.size(); ++i)
    logs[i] = std::log(is_norm(begin, fitted[i]) ? std::max(low, *fitted[i] - 1) : *fitted[i]);
  const double loss =
      minimise(logs, work.size(), [&](std::span<const double> x, std::span<double> out) {
        const Form form = with(x);
        for (std::size_t i = 0; i < work.size(); ++i)
          out[i] = std::log(form.time_s(work[i], peaks) / time_s[i]);
      });
  return {with(logs), loss};
}

}  // namespace moesim
