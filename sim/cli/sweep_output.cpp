#include "sim/cli/sweep_output.hpp"

#include "sim/core/output_file.hpp"
#include "sim/report/sweep_export.hpp"
#include "sim/report/sweep_figure.hpp"
#include "sim/report/sweep_html.hpp"

namespace moesim {

void write_sweep_folder(const SweepTable& table, const std::string& directory) {
  write_output_file(directory + "/points.csv", sweep_csv(table));
  write_output_file(directory + "/points.json", sweep_json(table));
  const auto figures = sweep_figures(table);
  draw_figures(figures, directory);
  write_output_file(directory + "/report.html",
                    sweep_html(table, read_pictures(figures, directory)));
}

}  // namespace moesim
