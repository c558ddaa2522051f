// `moesim calibrate fit`: from a folder that `moesim calibrate bench` wrote to the profile of its
// device. The folder is only read.
#pragma once

#include "calibrate/suite.hpp"

namespace moesim {

struct SuiteProfile {
  Profile profile;
  std::int64_t rows = 0;                         ///< that went into a fit
  std::map<std::string, std::int64_t> left_out;  ///< reason -> rows
  std::vector<LayerTiming> layers;               ///< executed layers of the folder; may be empty
};

struct FitRequest {
  std::string folder;
  std::string device;  ///< of the catalogue; empty: the one that was measured
  std::string name;    ///< of the profile; empty: DEVICE.LIBRARY-VERSION
};

/// Throws InputError for an unknown device and whatever read_suite() refuses.
SuiteProfile fit_suite(const FitRequest& request, const FitProgress& progress);

}  // namespace moesim
