// The folder that a benchmark writes: run.json and the tables of the groups. Locked while it is
// open, so that two benchmarks never mix in it. Every file is replaced whole or not at all.
#pragma once

#include <optional>
#include <string>

#include "calibrate/bench_record.hpp"
#include "sim/core/csv.hpp"

namespace moesim {

class BenchFolder {
 public:
  /// Creates the folder if it is missing. Throws InputError when it cannot be written, when another
  /// benchmark writes it, or when it holds tables without a run.json that says what they are.
  explicit BenchFolder(std::string path);
  BenchFolder(const BenchFolder&) = delete;
  BenchFolder& operator=(const BenchFolder&) = delete;
  ~BenchFolder();

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const;

  /// run.json of an earlier run.
  std::optional<BenchRecord> read_record() const;
  void write_record(const BenchRecord& record) const;

  /// Whether the rows of a complete operation are still there.
  bool holds(const BenchEntry& entry) const;
  /// Replaces the rows of an operation in its group's file.
  void write_rows(const BenchEntry& entry, const CsvTable& rows) const;

 private:
  std::optional<CsvTable> read_group(const std::string& name) const;

  std::string path_;
  int lock_ = -1;
};

}  // namespace moesim
