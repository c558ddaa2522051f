// The tables that `moesim calibrate bench` wrote, as samples for the fits: one row, one sample, by
// the columns of kernels/*.hpp. Rows that say nothing about a cold run are left out and counted:
// those measured with a warm cache, GEMMs with another algorithm than the one libraries take first,
// and products of half an expert. On a CPU, whose cores others use too, a time is the lower
// quartile of its samples, on a GPU the median. Throws InputError at file:line:column for a table
// that the suite did not write.
#pragma once

#include <span>

#include "calibrate/bench_record.hpp"
#include "calibrate/profile_fit.hpp"

namespace moesim {

struct Suite {
  std::string folder;
  BenchRecord record;
  std::vector<CsvTable> tables;
};

/// Reads run.json and the tables that a profile is made of. Throws InputError that names what is
/// missing and the command that measures it, for a folder without a record, a short run, or
/// operations that are not complete.
Suite read_suite(const std::string& folder);

/// Adds the rows of every operation that a fit takes; others are passed over.
void add_suite_rows(Measured& measured, const CsvTable& table);

/// A whole MoE layer that was executed.
struct LayerTiming {
  KernelFormat format;
  std::int64_t hidden = 0, intermediate = 0, experts = 0, topk = 0, tokens = 0;
  double skew = 0;
  std::vector<std::int32_t> tokens_per_expert;
  double time_s = 0;
};
std::vector<LayerTiming> layer_timings(const CsvTable& table);

}  // namespace moesim
