#include "sim/transport/goodput.hpp"

#include <algorithm>
#include <cmath>

namespace moesim {

double goodput_at(const std::vector<double>& by_doubling, double oversubscription) {
  if (by_doubling.empty()) return 1;
  const double place = std::log2(std::max(1.0, oversubscription));
  const auto below = static_cast<std::size_t>(place);
  if (below + 1 >= by_doubling.size()) return by_doubling.back();
  const double part = place - static_cast<double>(below);
  return by_doubling[below] * (1 - part) + by_doubling[below + 1] * part;
}

}  // namespace moesim
