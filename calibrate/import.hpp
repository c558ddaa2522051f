// `moesim calibrate import`: third-party tables to a profile. Knows which files are what; reading,
// cleaning and fitting are the importers' and fits' affair.
#pragma once

#include "calibrate/profile_fit.hpp"

namespace moesim {

struct ImportRequest {
  std::vector<std::string> tables;  ///< CSV files (gzip too) and folders of LLMServingSim
  std::string name;                 ///< of the profile
  std::string device;               ///< of the catalogue
  std::string model;                ///< of LLMServingSim's folders; empty: what they say
  Provenance provenance;            ///< `kind`, `date` and `tables` are filled in
};

struct ImportedProfile {
  Profile profile;
  std::int64_t rows = 0;
  std::map<std::string, std::int64_t> left_out;
};

/// Throws InputError for tables that cannot be read, an unknown device, or nothing to fit.
ImportedProfile import_profile(const ImportRequest& request, const std::string& date,
                               const FitProgress& progress);

}  // namespace moesim
