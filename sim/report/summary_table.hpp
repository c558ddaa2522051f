// What a user sees after a run: a fixed-width summary in human units, and several runs side by side
// with the best value of each row marked. Text for people; programs read result_json.hpp.
#pragma once

#include <span>
#include <string>

#include "sim/metrics/result.hpp"

namespace moesim {

/// Requests, throughput, latency, steps, MoE, network, time by phase, and how far the figures may
/// be trusted.
std::string summary_table(const Result& result);

/// One column per result under its title; '*' marks the best value of a row.
std::string variants_table(std::span<const Result> results);

}  // namespace moesim
