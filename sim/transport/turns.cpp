#include "sim/transport/turns.hpp"

#include <algorithm>

namespace moesim {
namespace {

/// Of all ports of an endpoint, one direction.
double port_rate(const Network& network, const std::vector<Link>& links, int endpoint,
                 int Port::*direction) {
  double rate = 0;
  for (const auto& port : network.fabric().ports(endpoint))
    rate += links[static_cast<std::size_t>(port.*direction)].capacity.value;
  return rate;
}

/// Size of a message's packets in full packets; it may be shorter than one.
double packet_of(double packets) { return std::min(1.0, packets); }

/// Messages of one sender, in the order of their turns: when the last packet of each has left, in
/// packets. A message of p packets ends in turn p, in which those that are longer and listed later
/// have not sent yet.
void last_packets(std::span<const double> packets, std::vector<double>& ends) {
  std::vector<double> sorted(packets.begin(), packets.end());
  std::ranges::sort(sorted);
  std::vector<double> below(sorted.size() + 1, 0);
  for (std::size_t i = 0; i < sorted.size(); ++i) below[i + 1] = below[i] + sorted[i];
  std::vector<double> later;  // messages listed after the present one, ascending
  for (std::size_t i = packets.size(); i-- > 0;) {
    const double p = packets[i];
    const auto shorter =
        static_cast<std::size_t>(std::ranges::lower_bound(sorted, p) - sorted.begin());
    const auto place = std::ranges::lower_bound(later, p);
    const auto wait = static_cast<double>(later.end() - place) * packet_of(p);
    ends[i] = below[shorter] + p * static_cast<double>(sorted.size() - shorter) - wait;
    later.insert(place, p);
  }
}

/// The last packet of a message on its way to the target.
struct LastPacket {
  double leaves_s = 0;
  double packets = 1;
};

}  // namespace

Seconds turns_bound(const Network& network, const Wire& wire, const SplitFlows& flows,
                    const std::vector<Link>& links) {
  if (!wire.turns || flows.outside.empty()) return Seconds(0);
  const double packet = wire.mtu.value + wire.header.value;
  const auto endpoints = static_cast<std::size_t>(network.fabric().endpoints());
  std::vector<std::vector<std::size_t>> of_source(endpoints);
  for (std::size_t f = 0; f < flows.outside.size(); ++f)
    of_source[static_cast<std::size_t>(flows.outside[f].source)].push_back(f);
  std::vector<std::vector<LastPacket>> at_target(endpoints);
  std::vector<double> packets, ends;
  for (std::size_t e = 0; e < endpoints; ++e) {
    packets.clear();
    for (const auto f : of_source[e]) packets.push_back(flows.outside[f].bytes / packet);
    ends.assign(packets.size(), 0);
    last_packets(packets, ends);
    const double one = packet / port_rate(network, links, static_cast<int>(e), &Port::out);
    for (std::size_t i = 0; i < ends.size(); ++i)
      at_target[static_cast<std::size_t>(flows.outside[of_source[e][i]].target)].push_back(
          {ends[i] * one, packet_of(packets[i])});
  }
  double last = 0;
  for (std::size_t e = 0; e < endpoints; ++e) {
    const double one = packet / port_rate(network, links, static_cast<int>(e), &Port::in);
    std::ranges::sort(at_target[e], std::greater{}, &LastPacket::leaves_s);
    double queued = 0;  // packets that arrive later than the present one
    for (const auto& message : at_target[e]) {
      last = std::max(last, message.leaves_s + queued * one);
      queued += message.packets;
    }
  }
  return Seconds(last);
}

}  // namespace moesim
