#include "sim/cli/sweep_output.hpp"

#include "sim/core/output_file.hpp"
#include "sim/report/sweep_export.hpp"

namespace moesim {

void write_sweep_folder(const SweepTable& table, const std::string& directory) {
  write_output_file(directory + "/points.csv", sweep_csv(table));
  write_output_file(directory + "/points.json", sweep_json(table));
}

}  // namespace moesim
