// A network study as a table, as JSON and as pictures: completion times of every transport and
// collective against the bound of even spraying, and what each of them puts on the links.
#pragma once

#include <string>
#include <vector>

#include "sim/engine/collective_study.hpp"
#include "sim/report/figure.hpp"
#include "sim/report/text_table.hpp"

namespace moesim {

/// One row per transport and collective.
struct StudyCells {
  std::vector<TextTable::Column> columns;
  std::vector<std::vector<std::string>> rows;
};
StudyCells study_cells(const StudyResult& study);

std::string study_table(const StudyResult& study);
/// SI units in the keys, as in a serving result. Link loads as parallel arrays.
std::string study_json(const StudyResult& study);
/// Completion times as bars, and the load of every link between switches as a heat map. Without
/// data, none.
std::vector<Figure> study_figures(const StudyResult& study);

}  // namespace moesim
