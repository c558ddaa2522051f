#include "sim/engine/link_users.hpp"

#include <algorithm>
#include <cmath>

namespace moesim {

void LinkUsers::flows(std::size_t link, double count) {
  auto& at = links_[link];
  at.least = at.least > 0 ? std::min(at.least, count) : count;
  at.most = std::max(at.most, count);
}

std::vector<double> LinkUsers::flows_per_share(std::size_t first, std::size_t count) const {
  std::vector<double> per_share;
  for (std::size_t l = first; l < first + count; ++l) {
    const auto& link = links_[l];
    const double scale = std::max(link.least, link.most / kMostShares);
    per_share.push_back(link.users < 2 ? 0 : scale > 0 ? scale : 1);
  }
  return per_share;
}

int shares_of(double flows, double flows_per_share) {
  return static_cast<int>(std::clamp(std::round(flows / flows_per_share), 1.0, kMostShares));
}

}  // namespace moesim
