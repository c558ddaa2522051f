// Where the data that ships with moesim lies (model and device descriptions, scenarios): the folder
// with models/ in it. Found by the environment variable MOESIM_HOME, else the source tree that the
// program was built from while it exists, else the installation.
#pragma once

#include <string>

namespace moesim {

/// The folder. Throws InputError when MOESIM_HOME names a folder without models/, or when none is
/// found.
std::string data_directory();

/// `relative` below it, as in data_path("models/architecture/data").
std::string data_path(const std::string& relative);

}  // namespace moesim
