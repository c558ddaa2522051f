#include "sim/platform/fabric.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/core/error.hpp"
#include "sim/core/suggest.hpp"

namespace moesim {

int Fabric::add_switch(std::string name) {
  switch_names_.push_back(std::move(name));
  return switches() - 1;
}

int Fabric::add_endpoint(std::string name) {
  endpoint_names_.push_back(std::move(name));
  ports_.emplace_back();
  return endpoints() - 1;
}

int Fabric::add_link(int from, int to, std::string name, BytesPerSecond bandwidth,
                     Seconds latency) {
  if (!(bandwidth.value > 0))
    throw InputError(fmt::format(
        "link '{}' has no bandwidth; a failed link is one with speed 0 in `links`", name));
  links_.push_back({std::move(name), bandwidth, latency});
  ends_.push_back({from, to});
  nominal_.push_back(bandwidth.value);
  return static_cast<int>(links_.size()) - 1;
}

void Fabric::attach(int endpoint, int at, BytesPerSecond bandwidth, Seconds latency) {
  const auto& name = endpoint_names_[static_cast<std::size_t>(endpoint)];
  auto& ports = ports_[static_cast<std::size_t>(endpoint)];
  const auto port = ports.empty() ? name : fmt::format("{} port {}", name, ports.size());
  const int out = add_link(~endpoint, at, port + " out", bandwidth, latency);
  ports.push_back({at, out, add_link(at, ~endpoint, port + " in", bandwidth, latency)});
}

void Fabric::connect_one_way(int from, int to, BytesPerSecond bandwidth, Seconds latency) {
  if (from == to)
    throw InputError(fmt::format("a link from '{}' to itself: a loop carries nothing anywhere",
                                 switch_name(from)));
  add_link(from, to, fmt::format("{} to {}", switch_name(from), switch_name(to)), bandwidth,
           latency);
}

void Fabric::connect(int a, int b, BytesPerSecond bandwidth, Seconds latency) {
  connect_one_way(a, b, bandwidth, latency);
  connect_one_way(b, a, bandwidth, latency);
}

int Fabric::vertex(const std::string& name) const {
  const auto a_switch = std::ranges::find(switch_names_, name);
  if (a_switch != switch_names_.end()) return static_cast<int>(a_switch - switch_names_.begin());
  const auto endpoint = std::ranges::find(endpoint_names_, name);
  if (endpoint != endpoint_names_.end())
    return ~static_cast<int>(endpoint - endpoint_names_.begin());
  auto names = switch_names_;
  names.insert(names.end(), endpoint_names_.begin(), endpoint_names_.end());
  throw InputError(fmt::format("the fabric has no '{}'{}", name, did_you_mean(name, names)));
}

std::vector<int> Fabric::between(const std::string& a, const std::string& b) const {
  const int from = vertex(a), to = vertex(b);
  std::vector<int> found;
  for (std::size_t l = 0; l < ends_.size(); ++l) {
    const auto& e = ends_[l];
    if ((e.from == from && e.to == to) || (e.from == to && e.to == from))
      found.push_back(static_cast<int>(l));
  }
  if (found.empty()) throw InputError(fmt::format("no link between '{}' and '{}'", a, b));
  return found;
}

void Fabric::slow_down(int link, double factor) {
  links_[static_cast<std::size_t>(link)].capacity *= factor;
}

void Fabric::set_capacity(int link, BytesPerSecond capacity) {
  links_[static_cast<std::size_t>(link)].capacity = capacity;
}

double Fabric::oversubscription() const {
  std::vector<double> down(switch_names_.size(), 0), up(down);
  for (std::size_t l = 0; l < ends_.size(); ++l) {
    const auto [from, to] = ends_[l];
    if (to < 0) continue;
    if (from < 0)
      down[static_cast<std::size_t>(to)] += nominal_[l];
    else
      up[static_cast<std::size_t>(from)] += nominal_[l];
  }
  double worst = 1;
  for (std::size_t s = 0; s < down.size(); ++s)
    if (down[s] > 0 && up[s] > 0) worst = std::max(worst, down[s] / up[s]);
  return worst;
}

}  // namespace moesim
