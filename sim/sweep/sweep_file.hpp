// A sweep as a file: which scenario, which axes, what is wanted of the designs. Everything is read
// and checked here except what only a run can tell; the scenario itself stays a document, read per
// point by whoever runs it.
//
//   scenario: ../quickstart.yaml          # or a mapping, with `include:` and changes beside it
//   axes: {...}                           # see axis.hpp; the first varies slowest
//   derive: {workload.requests: 2 * parallel.data * engine.max_sequences}   # keys that follow
//   where: [parallel.expert <= 16]        # combinations for which a formula is false are left out
//   repeats: 3                            # every point with this many seeds
//   metrics: {usd: 2 * gpus / throughput.output_tokens_per_s}
//   objectives: [{maximize: throughput.output_tokens_per_s_per_gpu}, {minimize: ttft_s.p99}]
//   constraints: [tpot_s.p50 <= 50 ms]
//   search: {type: local, budget: 40}     # default: every point
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/sweep/axis.hpp"
#include "sim/sweep/expression.hpp"

namespace moesim {

struct Objective {
  Expression value;
  bool maximize = false;
  std::string name;  ///< how it is called in tables and pictures
};

/// A metric or a key that follows from others by a formula.
struct NamedFormula {
  std::string name;
  Expression value;
};

struct SweepFile {
  std::string title, question;
  Node definition;  ///< the whole file, includes resolved and overrides applied
  Node scenario;    ///< the base document, without variants
  std::vector<Axis> axes;
  std::vector<Expression> conditions, constraints;
  std::vector<NamedFormula> derived;  ///< keys of the scenario, set after the axes, in order
  std::vector<NamedFormula> metrics;
  std::vector<Objective> objectives;
  int repeats = 1;
  Node search;  ///< null: every point
};

/// The names that a run of a scenario can report (see figure_names()), to refuse formulas over
/// others.
using FigureNames = std::vector<std::string> (*)(const Node& scenario);

/// Overrides (`key.path=value`) change the base scenario. Throws InputError.
SweepFile read_sweep_file(const std::string& path, std::span<const std::string> overrides,
                          FigureNames figures);

/// The same from a definition that was read before (of a store).
SweepFile read_sweep_definition(Node definition, FigureNames figures);

}  // namespace moesim
