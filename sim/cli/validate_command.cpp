// `moesim validate [NAME...]`: the accuracy ledger, from the reference measurements.
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "sim/cli/command.hpp"
#include "sim/cli/serving_accuracy.hpp"
#include "sim/core/data_path.hpp"
#include "sim/core/output_file.hpp"
#include "sim/core/suggest.hpp"
#include "sim/core/text_file.hpp"
#include "sim/core/version.hpp"

namespace moesim {
namespace {

/// The reference data are not part of the repository: a folder beside it unless
/// MOESIM_REFERENCE_DATA names another.
std::string reference_file(const std::string& relative) {
  const char* given = std::getenv("MOESIM_REFERENCE_DATA");
  const bool set = given != nullptr && *given != '\0';
  const std::filesystem::path folder =
      set ? std::filesystem::path(given)
          : std::filesystem::path(data_directory()) / ".." / "shared" / "data";
  const auto file = (folder / relative).lexically_normal().string();
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    throw InputError(
        fmt::format("no reference data: {} does not exist; set the environment variable "
                    "MOESIM_REFERENCE_DATA to the folder that has '{}' in it ({})",
                    file, relative, set ? "it names another folder now" : "it is not set"));
  return file;
}

class ProgressLine {
 public:
  ~ProgressLine() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }
  void update(std::size_t done, std::size_t all) {
    shown_ = true;
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start_;
    fmt::print(stderr, "\r\033[Kvalidate serving: {} of {} scenarios, {:.0f} s left", done, all,
               wall.count() / static_cast<double>(done) * static_cast<double>(all - done));
    std::fflush(stderr);
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  bool shown_ = false;
};

void print_serving(const ServingAccuracy& accuracy, TableStyle style) {
  fmt::print(
      "serving: simulated against measured means, error = (simulated - measured) / measured\n"
      "data-sheet costs (tier spec), nothing fitted to these data; every engine runs the one "
      "simulated engine\n"
      "{} of {} rows compared ({} different scenarios)\n\n{}",
      accuracy.compared, accuracy.rows, accuracy.scenarios, ledger_table(accuracy.entries, style));
  if (accuracy.left_out.empty()) return;
  fmt::print("\nleft out: {} rows\n", accuracy.rows - accuracy.compared);
  std::vector<std::pair<std::string, std::int64_t>> reasons(accuracy.left_out.begin(),
                                                            accuracy.left_out.end());
  std::ranges::stable_sort(reasons, std::greater{}, &std::pair<std::string, std::int64_t>::second);
  for (const auto& [reason, rows] : reasons) {
    fmt::print("{}{:>5}  {}\n", style == TableStyle::kMarkdown ? "- " : "", rows, reason);
    if (const auto example = accuracy.example.find(reason); example != accuracy.example.end())
      fmt::print("         e.g. {}\n", example->second);
  }
}

std::vector<LedgerEntry> validate_serving(const ValidateOptions& options, bool print) {
  const auto file = reference_file("e2e/serving_measurements.csv");
  const auto measurements = parse_serving_measurements(read_text_file(file), file);
  AccuracyOptions how{options.rounds, options.jobs, {}};
  auto accuracy = [&] {
    ProgressLine line;
    if (isatty(STDERR_FILENO) != 0)
      how.progress = [&](std::size_t done, std::size_t all) { line.update(done, all); };
    return serving_accuracy(measurements, how);
  }();
  if (print) print_serving(accuracy, options.markdown ? TableStyle::kMarkdown : TableStyle::kText);
  return std::move(accuracy.entries);
}

std::string today_utc() { return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr))); }

}  // namespace

int validate_command(const ValidateOptions& options) {
  const std::vector<std::string> valid = {"serving"};
  for (const auto& name : options.names)
    if (std::ranges::find(valid, name) == valid.end())
      throw InputError(fmt::format("unknown validation '{}'{}", name, did_you_mean(name, valid)));
  if (!options.json.empty() && options.json != "-") check_writable(options.json);
  const auto entries = validate_serving(options, options.json != "-");
  if (options.json.empty()) return 0;
  const auto json = ledger_json({today_utc(), version(), entries});
  if (options.json == "-")
    fmt::print("{}", json);
  else
    write_output_file(options.json, json);
  return 0;
}

}  // namespace moesim
