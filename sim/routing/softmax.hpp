// Probabilities of a token's experts from its logits, with the project's own exp.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "sim/core/portable_math.hpp"

namespace moesim {

/// softmax(logits), [experts].
inline std::vector<double> softmax(std::span<const float> logits) {
  const double most = *std::ranges::max_element(logits);
  std::vector<double> p;
  double sum = 0;
  for (const float logit : logits) {
    p.push_back(portable_exp(std::max(-700.0, static_cast<double>(logit) - most)));
    sum += p.back();
  }
  for (auto& value : p) value /= sum;
  return p;
}

}  // namespace moesim
