#include "sim/sweep/bisection.hpp"

#include <algorithm>
#include <cmath>

namespace moesim {

std::optional<double> Bisection::next() const {
  const auto rounded = [&](double load) { return options_.whole ? std::round(load) : load; };
  const double first = std::max(rounded(options_.first), options_.whole ? 1.0 : 0.0);
  if (!meets_ && !misses_) return first;
  if (!misses_) {
    const double load = *meets_ * 2;
    return load > first * kFarthest ? std::nullopt : std::optional(load);
  }
  if (!meets_) {
    const double load = options_.whole ? std::floor(*misses_ / 2) : *misses_ / 2;
    const bool end = options_.whole ? load < 1 : load < first / kFarthest;
    return end ? std::nullopt : std::optional(load);
  }
  if (options_.whole && *misses_ - *meets_ <= 1) return std::nullopt;
  if (*misses_ / *meets_ - 1 <= options_.precision) return std::nullopt;
  const double middle = std::sqrt(*meets_ * *misses_);
  return options_.whole ? std::clamp(std::round(middle), *meets_ + 1, *misses_ - 1) : middle;
}

void Bisection::tell(double load, bool meets) {
  auto& bound = meets ? meets_ : misses_;
  if (!bound)
    bound = load;
  else
    bound = meets ? std::max(*bound, load) : std::min(*bound, load);
}

}  // namespace moesim
