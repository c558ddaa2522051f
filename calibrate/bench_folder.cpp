#include "calibrate/bench_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>

#include "calibrate/bench_suite.hpp"
#include "calibrate/bench_table.hpp"
#include "sim/core/output_file.hpp"
#include "sim/core/text_file.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecord = "run.json";

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

}  // namespace

BenchFolder::BenchFolder(std::string path) : path_(std::move(path)) {
  prepare_output_directory(path_);
  if (!exists(file(kRecord)))
    for (const auto& operation : bench_suite())
      if (exists(file(operation.file)))
        throw InputError(fmt::format(
            "{}: there is a {} but no {} that says what it is; choose another folder, or remove it",
            path_, operation.file, kRecord));
  lock_ = open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // Where locks do not work (some network file systems) it goes without.
  if (lock_ >= 0 && flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    close(lock_);
    throw InputError(path_ + ": another benchmark writes to this folder now");
  }
}

BenchFolder::~BenchFolder() {
  if (lock_ >= 0) close(lock_);
}

std::string BenchFolder::file(const std::string& name) const {
  return (fs::path(path_) / name).string();
}

std::optional<BenchRecord> BenchFolder::read_record() const {
  if (!exists(file(kRecord))) return std::nullopt;
  return parse_bench_record(read_text_file(file(kRecord)), file(kRecord));
}

void BenchFolder::write_record(const BenchRecord& record) const {
  write_output_file(file(kRecord), bench_record_json(record));
}

std::optional<CsvTable> BenchFolder::read_group(const std::string& name) const {
  if (!exists(file(name))) return std::nullopt;
  auto table = read_csv(file(name));
  table.column(kProgramColumn);
  return table;
}

bool BenchFolder::holds(const BenchEntry& entry) const {
  const auto group = read_group(entry.file);
  return group && rows_of(*group, entry.name) == entry.rows;
}

void BenchFolder::write_rows(const BenchEntry& entry, const CsvTable& rows) const {
  write_output_file(file(entry.file), merge_rows(read_group(entry.file), rows, entry.name));
}

}  // namespace moesim
