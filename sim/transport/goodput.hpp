// The goodput factor of a transport by oversubscription: what share of the fluid rate it reaches.
// Values are given for 1:1, 2:1, 4:1, ... and interpolated over the logarithm in between; beyond
// the last, the last. Not modelled: dependence on message size and traffic pattern.
#pragma once

#include <vector>

namespace moesim {

double goodput_at(const std::vector<double>& by_doubling, double oversubscription);

/// For the parameter lists of transports.
inline constexpr const char* kGoodputDoc =
    "reached share of the fluid rate at oversubscription 1:1, 2:1, 4:1, ... (`moesim validate "
    "network` fits it)";

}  // namespace moesim
