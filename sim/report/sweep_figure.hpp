// The pictures of a sweep, as gnuplot scripts with their data (see figure.hpp for how they are
// drawn): Pareto front with its knees, heat map over two axes, lines with confidence bands over
// seeds, parallel coordinates, and a tornado of what each axis moves. Pure functions of the table.
#pragma once

#include <vector>

#include "sim/report/figure.hpp"
#include "sim/sweep/table.hpp"

namespace moesim {

/// Those for which there is data: a front needs two objectives, a heat map two axes.
std::vector<Figure> sweep_figures(const SweepTable& table);

}  // namespace moesim
