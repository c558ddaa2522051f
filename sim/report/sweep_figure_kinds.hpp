// One function per picture of a sweep and what they share. Inside report/ only; others use
// sweep_figure.hpp. A figure without data has an empty script.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/report/figure_kinds.hpp"
#include "sim/sweep/table.hpp"

namespace moesim {

/// The first objective against the second: every design, the front as a line, knees labelled.
Figure pareto_figure(const SweepTable& table);
/// The first objective over the two axes with the most values; the best over all others.
Figure heat_map_figure(const SweepTable& table);
/// The first objective along one axis, a line per value of another, bands over seeds; the other
/// axes stay where the best design has them.
Figure band_figure(const SweepTable& table);
/// A line per design through all axes and objectives, coloured by the first objective.
Figure parallel_figure(const SweepTable& table);
/// What leaving the best design along one axis at a time does to the first objective.
Figure tornado_figure(const SweepTable& table);

/// How an objective is drawn: in ms when it is a time, as it is otherwise.
struct DrawnObjective {
  std::string label;  ///< name with unit
  double factor = 1;
};
DrawnObjective drawn_objective(const SweepTable& table, std::size_t objective);

/// The drawn mean of a design's objective, nothing without one.
std::optional<double> drawn_value(const SweepTable& table, std::size_t design,
                                  std::size_t objective);

/// "batch 64, size 32": the values of a design on the axes in which `among` differ.
std::string short_settings(const SweepTable& table, std::size_t design,
                           const std::vector<std::size_t>& among);
/// The last part of a dotted key: "max_sequences".
std::string short_name(const std::string& axis);

/// Axes with more than one value, those with the most first.
std::vector<std::size_t> varied_axes(const SweepTable& table);

/// `("16" 0, "64" 1)`: what stands at the marks of an axis, as many as fit into `most`.
std::string value_marks(const Axis& axis, std::size_t most, std::size_t width);

/// matplotlib's viridis at nine points (bids.github.io/colormap, CC0).
extern const char* const kSweepPalette;

}  // namespace moesim
