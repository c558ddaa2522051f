// The version of the program, set by the build.
#pragma once

namespace moesim {

const char* version();

}  // namespace moesim
