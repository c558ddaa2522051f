#include "sim/core/version.hpp"

namespace moesim {

const char* version() { return MOESIM_VERSION; }

}  // namespace moesim
