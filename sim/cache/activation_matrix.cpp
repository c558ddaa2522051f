#include "sim/cache/activation_matrix.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace moesim {
namespace {

/// Every row of `columns` divided by what `norm` makes of it.
template <class Norm>
std::vector<float> scaled_rows(std::vector<float> matrix, std::int64_t columns, Norm norm) {
  for (auto row = matrix.begin(); row != matrix.end(); row += columns) {
    const float size = norm(row, row + columns);
    if (size > 0) std::for_each(row, row + columns, [&](float& value) { value /= size; });
  }
  return matrix;
}

}  // namespace

std::vector<float> ActivationMatrices::shares() const {
  return scaled_rows(current_, shape_.experts,
                     [](auto begin, auto end) { return std::accumulate(begin, end, 0.0f); });
}

void ActivationMatrices::start_sequence() {
  matched_step_ = -1;
  if (empty_) return;
  auto unit = scaled_rows(current_, shape_.experts, [](auto begin, auto end) {
    return std::sqrt(std::inner_product(begin, end, begin, 0.0f));
  });
  if (past_.size() < capacity_) {
    past_.push_back(std::move(unit));
    shares_.push_back(shares());
  } else {
    past_[oldest_] = std::move(unit);
    shares_[oldest_] = shares();
    oldest_ = (oldest_ + 1) % capacity_;
  }
  std::ranges::fill(current_, 0.0f);
  empty_ = true;
}

void ActivationMatrices::count(ExpertId id) {
  ++current_[static_cast<std::size_t>(id)];
  empty_ = false;
}

void ActivationMatrices::match(std::int64_t step) {
  matched_step_ = step;
  predicted_ = shares();
  if (past_.empty()) return;
  const auto columns = static_cast<std::size_t>(shape_.experts);
  std::vector<float> weight(static_cast<std::size_t>(shape_.layers));  // 1 / length of the row
  for (std::size_t layer = 0; layer < weight.size(); ++layer) {
    const auto* row = current_.data() + layer * columns;
    const float length = std::sqrt(std::inner_product(row, row + columns, row, 0.0f));
    weight[layer] = length > 0 ? 1 / length : 0;
  }
  std::size_t best = 0;
  float most = -1;
  for (std::size_t p = 0; p < past_.size(); ++p) {
    float similarity = 0;
    for (std::size_t layer = 0; layer < weight.size(); ++layer)
      if (weight[layer] > 0) {
        const auto* row = current_.data() + layer * columns;
        similarity += weight[layer] * std::inner_product(row, row + columns,
                                                         past_[p].data() + layer * columns, 0.0f);
      }
    if (similarity > most) {
      most = similarity;
      best = p;
    }
  }
  for (std::size_t i = 0; i < predicted_.size(); ++i)
    predicted_[i] = empty_ ? shares_[best][i] : (predicted_[i] + shares_[best][i]) / 2;
}

double ActivationMatrices::share(ExpertId id, std::int64_t visit) {
  const auto step = visit / shape_.layers;
  if (step != matched_step_) match(step);
  return predicted_[static_cast<std::size_t>(id)];
}

}  // namespace moesim
