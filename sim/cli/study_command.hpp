// `moesim run` and `moesim check` of scenarios of kind `collective`.
#pragma once

#include "sim/cli/command.hpp"
#include "sim/engine/collective_study.hpp"

namespace moesim {

/// All files are network studies; false when none is. InputError when kinds are mixed.
bool are_studies(const DesignOptions& options);
int study_run_command(const RunOptions& options);
int study_check_command(const DesignOptions& options);
/// Each of its simulations in a process of its own.
StudyResult run_study_apart(const CollectiveScenario& scenario);

}  // namespace moesim
