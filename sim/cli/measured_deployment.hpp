// How the server of a measured point lay on its GPUs and what its engines were told, as the
// sections of a scenario: from the table's columns, its ids, the published launch scripts and the
// published launches of disaggregated servers. Never guessed.
#pragma once

#include <string>
#include <vector>

#include "sim/cli/launch_settings.hpp"

namespace moesim {

struct MeasuredDeployment {
  std::string left_out;  ///< why it cannot be simulated; empty: it can
  std::string layout;    ///< YAML: the section parallel or disaggregation
  std::string network;   ///< the values of the section network, as inside of {}
  std::string engine;    ///< the values of the section engine, as inside of {}
  std::int64_t nodes = 1;
  LaunchSettings settings;
};

/// One, or two where the table does not say whether tokens were drafted: the second drafts.
/// `model` is moesim's name, `moe` whether it has experts.
std::vector<MeasuredDeployment> measured_deployments(const ServingMeasurement& point,
                                                     const std::string& model, bool moe,
                                                     std::int64_t concurrency);

}  // namespace moesim
