// Choices from log-popularity plus Gumbel noise, through a router: what the generating sources
// share.
#pragma once

#include <span>

#include "sim/core/random.hpp"
#include "sim/routing/choice_source.hpp"

namespace moesim {

/// Independent standard Gumbel noise; `row` names the draws.
void fill_gumbel(const RandomStream& stream, std::uint64_t row, std::span<float> noise);

/// Choices of `tokens` tokens whose logits are `log_weights` [experts] + independent standard
/// Gumbel noise.
Choices gumbel_choices(const ChoiceSource::Context& context, std::int64_t layer,
                       std::int64_t tokens, std::span<const double> log_weights, Router& router);

}  // namespace moesim
