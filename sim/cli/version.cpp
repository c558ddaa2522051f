#include "sim/cli/version.hpp"

namespace moesim {

const char* version() { return MOESIM_VERSION; }

}  // namespace moesim
