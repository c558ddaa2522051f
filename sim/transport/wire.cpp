#include "sim/transport/wire.hpp"

#include <cmath>

namespace moesim {

const Parameters<Wire>& Wire::parameters() {
  static const auto list =
      Parameters<Wire>()
          .optional("mtu", &Wire::mtu, "payload of a packet; 0 B: messages are fluids")
          .min(0)
          .optional("header", &Wire::header, "bytes that every packet adds")
          .min(0)
          .optional("acknowledged", &Wire::acknowledged,
                    "a message ends when its sender has the acknowledgement")
          .optional("turns", &Wire::turns,
                    "a sender takes turns over the packets of its messages, in the order in which "
                    "the collective lists them: targets of the last turn wait for a burst");
  return list;
}

void Wire::check(const Node& at) const {
  if (turns && mtu.value <= 0)
    throw InputError(at.where, "messages that take turns need packets: give wire.mtu");
}

double Wire::bytes(double message) const {
  if (mtu.value <= 0) return message;
  return message + std::ceil(message / mtu.value) * header.value;
}

Seconds Wire::latency(std::span<const int> path, const std::vector<Link>& links) const {
  double packet = 0, slowest = 0, propagation = 0, back = 0;
  for (const int link : path) {
    const auto& l = links[static_cast<std::size_t>(link)];
    const double one = mtu.value > 0 ? (mtu.value + header.value) / l.capacity.value : 0;
    packet += one;
    slowest = std::max(slowest, one);
    propagation += l.latency.value;
    back += l.latency.value + (mtu.value > 0 ? header.value / l.capacity.value : 0);
  }
  return Seconds(packet - slowest + propagation + (acknowledged ? back : 0));
}

}  // namespace moesim
