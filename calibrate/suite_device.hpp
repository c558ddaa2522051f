// The device that a suite measured: the description in the catalogue where it has one, else what
// the probe and the measurements say: the fastest product of each number format and the fastest
// read are its peaks. Such a description serves the fits, which state times as shares of peaks; it
// is no data sheet.
#pragma once

#include <string>

#include "calibrate/suite.hpp"
#include "models/device/device.hpp"

namespace moesim {

struct SuiteDevice {
  Device device;
  bool catalogued = false;
};

/// Name of the catalogue for the name that a driver gives a GPU ("NVIDIA H100 80GB HBM3"): without
/// vendor, blanks as '-', one of the names or aliases of models/device/*.yaml; empty when none.
std::string catalogue_name(const std::string& driver_name);

/// `wanted`: a name of the catalogue or a path; empty: the one that was measured. Throws InputError
/// when a description cannot be made: no product or no read was measured.
SuiteDevice suite_device(const Suite& suite, const std::string& wanted);

}  // namespace moesim
