// Help and reference from the registry and the parameter lists, as text and as Markdown: what is
// listed is what is parsed.
#pragma once

#include <string>
#include <vector>

#include "sim/core/value.hpp"

namespace moesim {

/// Every slot with its policies and their parameters; `slot` picks one by name ("" all). InputError
/// for an unknown one.
std::string slot_listing(const std::string& slot);
/// The sections and keys of a scenario.
std::string scenario_listing();
/// Both as Markdown tables, for the README.
std::string reference_markdown();

/// The parameters of a serving scenario.
std::vector<ParameterInfo> serving_parameters();

/// "quantity (bandwidth)", "list of integer", "one of a, b", ...
std::string type_text(const ParameterInfo& info);
/// "required", or the default as YAML.
std::string default_text(const ParameterInfo& info);

}  // namespace moesim
