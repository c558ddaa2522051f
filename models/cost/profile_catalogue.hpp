// The profiles that ship with moesim and the order in which a device uses them. A profile is named
// DEVICE.LIBRARY-VERSION; a path to a profile's YAML file works wherever a name does.
#pragma once

#include <string>
#include <vector>

#include "sim/core/error.hpp"

namespace moesim {

/// Names of all shipped profiles, sorted.
std::vector<std::string> profile_names();

/// Shipped profiles of a device, best first for the simulated engine: vLLM, then SGLang, then
/// TensorRT-LLM, then others; those of `library` (as in the name, without version) before all.
/// Throws InputError when `library` is not empty and no profile of the device is of it.
std::vector<std::string> profiles_of(const std::string& device, const std::string& library);

/// The YAML file of a name or path. Throws InputError with the nearest name when there is none.
std::string profile_file(const std::string& name_or_path, const Location& where = {});

}  // namespace moesim
