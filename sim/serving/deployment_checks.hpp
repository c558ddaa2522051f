// What a deployment cannot be, or what is not simulated together: found before the run, refused
// with an InputError at `where`.
#pragma once

#include "models/architecture/model.hpp"
#include "models/device/device.hpp"
#include "sim/engine/parallel.hpp"
#include "sim/platform/network.hpp"
#include "sim/serving/serving_scenario.hpp"

namespace moesim {

/// Counts of (token, expert) pairs are 32-bit: a batch that could overflow them is refused.
void check_batch_size(const ServingScenario& scenario, const Layout& layout, const Moe& moe,
                      const Location& where);
/// Experts that data ranks split need a dispatch that gathers.
void check_gathering(const ServingScenario& scenario, const Layout& layout, const Network& network,
                     const Location& where);
/// With the section `cache`.
void check_offloading(const ServingScenario& scenario, const Model& model, const Location& where);
/// Bytes of one of the composed models.
Bytes composed_bytes(const ServingScenario& scenario, const Model& model);
/// With the section `composition`.
void check_composed(const ServingScenario& scenario, const Model& model, const Location& where);
/// A scheduler that looks at experts needs choices that are known beforehand.
void check_expert_queues(const ServingScenario& scenario, const Location& where);
void check_swapping(const ServingScenario& scenario, const Location& where);
void check_drawn_layers(const ServingScenario& scenario, const Location& where);
void check_two_batches(const ServingScenario& scenario, const Device& device,
                       const Location& where);

}  // namespace moesim
