// Devices and nodes by name. A shipped description is one YAML file: its name and aliases, its
// numbers, and under `sources` where each number comes from. Names ignore case and take '_' for
// '-'; a path to a file of the same form works wherever a name does. Read afresh at every call: no
// hidden state.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/device/device.hpp"
#include "models/device/node_profile.hpp"

namespace moesim {

/// A description file, split into what identifies it and what it says.
struct Description {
  std::string name;
  std::vector<std::string> aliases;
  std::vector<std::pair<std::string, std::string>> sources;  ///< "field" or "section.field", source
  Node body;                                                 ///< the rest: the numbers

  /// Fields of `body` ("section.field" inside a section) that `sources` leaves out.
  std::vector<std::string> without_source() const;
};

/// Reads one file. Throws InputError for a missing name, or a source of a field that the file does
/// not have.
Description read_description(const std::string& path);

/// The file in `directory` (or at a path) that `name` means. Throws InputError at `where` with the
/// nearest valid name; `kind` ("device", "node") is for that text.
Description find_description(const std::string& directory, const std::string& kind,
                             const std::string& name, const Location& where = {});

/// Names of the files in `directory`, sorted, without aliases.
std::vector<std::string> description_names(const std::string& directory);

Device load_device(const std::string& directory, const std::string& name,
                   const Location& where = {});
NodeProfile load_node(const std::string& directory, const std::string& name,
                      const Location& where = {});

}  // namespace moesim
