// What every rank of a pipeline stage does in one step, for executor `event`: activities in the
// order in which a rank meets them. An activity belongs to one queue of its ranks and begins when
// the activity before it on the same rank is done; a joint one begins when it has begun on all of
// its ranks and ends on all of them at once. Ranks are numbered within the stage, data rank by data
// rank, tensor rank by tensor rank. With two-batch overlap a rank has two such chains, and its
// queues take activities in the order of their stretches, the first half's before the second's. Not
// modelled otherwise: kernels of one rank that overlap.
#pragma once

#include "sim/engine/flow_traffic.hpp"
#include "sim/engine/step.hpp"

namespace moesim {

/// Runs a stage on SimGrid's clock: every rank is three actors, its queues for computation,
/// communication and copies. Called by an actor; returns when every rank is done.
void run_program(const Carrier& carrier, const StepProgram& program);

}  // namespace moesim
