// The text of the InputError that an action throws, for tests of what a user reads.
#pragma once

#include <string>

#include "sim/core/error.hpp"

namespace moesim::testing {

/// "" when nothing is thrown.
template <class Action>
std::string error_text(const Action& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace moesim::testing
