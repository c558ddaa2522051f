// `moesim run` and `moesim check` of scenarios of kind `collective`.
#pragma once

#include "sim/cli/command.hpp"

namespace moesim {

/// All files are network studies; false when none is. InputError when kinds are mixed.
bool are_studies(const DesignOptions& options);
int study_run_command(const RunOptions& options);
int study_check_command(const DesignOptions& options);

}  // namespace moesim
