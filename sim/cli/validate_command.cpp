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

#include "sim/cli/cache_accuracy.hpp"
#include "sim/cli/collective_accuracy.hpp"
#include "sim/cli/command.hpp"
#include "sim/cli/imbalance_accuracy.hpp"
#include "sim/cli/kernel_accuracy.hpp"
#include "sim/cli/layer_accuracy.hpp"
#include "sim/cli/network_accuracy.hpp"
#include "sim/cli/paper_accuracy.hpp"
#include "sim/cli/routing_accuracy.hpp"
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
  explicit ProgressLine(std::string what) : what_(std::move(what)) {}
  void update(std::size_t done, std::size_t all) {
    shown_ = true;
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start_;
    fmt::print(stderr, "\r\033[Kvalidate {}: {} of {}, {:.0f} s left", what_, done, all,
               wall.count() / static_cast<double>(done) * static_cast<double>(all - done));
    std::fflush(stderr);
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::string what_;
  bool shown_ = false;
};

/// What a validation brings into the ledger.
struct Compared {
  std::vector<LedgerEntry> entries;
  std::vector<LedgerPoint> points = {};
};

void print_serving(const ServingAccuracy& accuracy, TableStyle style) {
  fmt::print(
      "serving: simulated against measured means, error = (simulated - measured) / measured\n"
      "kernel profiles of the measured library where they ship; engine profiles were fitted on the "
      "fit half, groups report the other\n"
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

Compared validate_serving(const ValidateOptions& options, bool print) {
  const auto file = reference_file("e2e/serving_measurements.csv");
  const auto measurements = parse_serving_measurements(read_text_file(file), file);
  AccuracyOptions how;
  how.rounds = options.rounds;
  how.jobs = options.jobs;
  if (!options.half.empty()) how.fitted = options.half == "fit";
  auto accuracy = [&] {
    ProgressLine line("serving");
    if (isatty(STDERR_FILENO) != 0)
      how.progress = [&](std::size_t done, std::size_t all) { line.update(done, all); };
    return serving_accuracy(measurements, how);
  }();
  if (print) print_serving(accuracy, options.markdown ? TableStyle::kMarkdown : TableStyle::kText);
  return {std::move(accuracy.entries), std::move(accuracy.points)};
}

/// What is compared, and the entries under it.
void print_entries(const std::string& heading, const std::vector<LedgerEntry>& entries,
                   const ValidateOptions& options) {
  fmt::print("{}\n\n{}", heading,
             ledger_list(entries, options.markdown ? TableStyle::kMarkdown : TableStyle::kText));
}

/// Pairs of a reason and its number of rows.
template <class Reasons>
void print_left_out(const Reasons& left_out) {
  for (const auto& [why, rows] : left_out) fmt::print("{:>8}  {}\n", rows, why);
}

Compared validate_kernels(const ValidateOptions& options, bool print) {
  const auto folder = reference_file("kernels");
  auto accuracy = [&] {
    ProgressLine line("kernels");
    return kernel_accuracy(folder, options.jobs, [&](std::size_t done, std::size_t all) {
      if (isatty(STDERR_FILENO) != 0) line.update(done, all);
    });
  }();
  if (!print) return {std::move(accuracy.entries)};
  print_entries(
      fmt::format("kernels: predicted against measured times on rows that no fit has seen, error = "
                  "(predicted - measured) / measured\n{} rows of measured tables",
                  accuracy.rows),
      accuracy.entries, options);
  fmt::print(
      "\nrows that are the same work, timed twice: whatever is predicted for a pair, it is "
      "off by at least (median / p90)\n");
  for (const auto& entry : accuracy.entries)
    if (entry.least)
      fmt::print("{:>6} pairs  {:5.1f} / {:5.1f} %  {}{}\n", entry.least->n,
                 100 * entry.least->median_abs, 100 * entry.least->p90_abs, entry.group,
                 *entry.pass() ? "" : ", whose " + entry.metric + " misses its target");
  fmt::print("\nleft out:\n");
  print_left_out(accuracy.left_out);
  for (const auto& file : accuracy.unknown_tables)
    fmt::print("   table  {}: its columns are of no known kind\n", file);
  return {std::move(accuracy.entries)};
}

Compared validate_collectives(const ValidateOptions& options, bool print) {
  const auto file = reference_file("comm");
  auto entries = collective_accuracy(std::filesystem::path(file).parent_path().string());
  if (print)
    print_entries(
        "collectives: predicted against measured times on sizes and shapes that no fit has seen",
        entries, options);
  return {std::move(entries)};
}

Compared validate_cache(const ValidateOptions& options, bool print) {
  const auto file = reference_file("routing/expert_cache_hit_curves.csv");
  auto entries = cache_accuracy(std::filesystem::path(file).parent_path().string(), options.jobs);
  if (print)
    print_entries(
        "cache: hit rates against published curves at 1, 2 and 3 times the active experts, error = "
        "difference of hit rates",
        entries, options);
  return {std::move(entries)};
}

Compared validate_network(const ValidateOptions& options, bool print) {
  const auto file = reference_file("network");
  auto accuracy = network_accuracy(std::filesystem::path(file).parent_path().string());
  if (!print) return {std::move(accuracy.entries)};
  print_entries(fmt::format("network: completion times of collectives against packet-level runs, "
                            "error = (predicted - measured) / measured\n{} rows; groups marked "
                            "`fit` gave the goodput factors, no other did",
                            accuracy.rows),
                accuracy.entries, options);
  for (const auto& note : accuracy.notes) fmt::print("\n{}\n", note);
  if (!accuracy.left_out.empty()) fmt::print("\nleft out:\n");
  print_left_out(accuracy.left_out);
  return {std::move(accuracy.entries)};
}

Compared validate_layers(const ValidateOptions& options, bool print) {
  auto accuracy = layer_accuracy({});
  if (print)
    print_entries(
        "layers: MoE layers executed on this CPU against their prediction from measured pieces",
        accuracy.entries, options);
  return {std::move(accuracy.entries)};
}

Compared validate_routing(const ValidateOptions& options, bool print) {
  auto entries = routing_accuracy(reference_file("routing"), options.jobs);
  auto imbalance = imbalance_accuracy(reference_file("kernels"), options.jobs);
  if (print) {
    print_entries(
        "routing: statistics of every recorded task as generated from the fit to the other tasks, "
        "error = generated / recorded - 1",
        entries, options);
    print_entries(
        "\nimbalance: power-law rows of measured tables from their balanced rows and the counts "
        "that "
        "the measuring program draws, error = predicted / measured - 1",
        imbalance, options);
  }
  std::ranges::move(imbalance, std::back_inserter(entries));
  return {std::move(entries)};
}

Compared validate_papers(const ValidateOptions& options, bool print) {
  const auto results = paper_results(data_path("scenarios/papers"), options.jobs);
  if (print)
    fmt::print(
        "papers: published results against scenarios/papers, error = simulated / published "
        "- 1; the files say what was assumed\n\n{}",
        paper_table(results));
  return {paper_entries(results)};
}

/// Nothing to compare with in an installed copy: the committed ledger lies with the tests.
void print_changes(const ValidateOptions& options, const Ledger& ledger) {
  const auto committed = data_path("tests/validation/ledger.json");
  std::error_code ignored;
  if (options.against.empty() && !std::filesystem::exists(committed, ignored)) return;
  const auto file = options.against.empty() ? committed : options.against;
  fmt::print("\n{}", ledger_changes(read_ledger(read_text_file(file), file), ledger));
}

std::string today_utc() { return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr))); }

}  // namespace

int validate_command(const ValidateOptions& options) {
  const std::vector<std::string> valid = {"kernels", "collectives", "network", "routing",
                                          "cache",   "layers",      "papers",  "serving"};
  for (const auto& name : options.names)
    if (std::ranges::find(valid, name) == valid.end())
      throw InputError(fmt::format("unknown validation '{}'{}", name, did_you_mean(name, valid)));
  if (!options.json.empty() && options.json != "-") check_writable(options.json);
  const bool print = options.json != "-";
  Ledger ledger{today_utc(), version(), {}};
  const auto run = [&](const std::string& name, auto validate) {
    if (!options.names.empty() && std::ranges::find(options.names, name) == options.names.end())
      return;
    if (print && !ledger.entries.empty()) fmt::print("\n");
    auto compared = validate(options, print);
    std::ranges::move(compared.entries, std::back_inserter(ledger.entries));
    std::ranges::move(compared.points, std::back_inserter(ledger.points));
  };
  run("kernels", validate_kernels);
  run("collectives", validate_collectives);
  run("network", validate_network);
  run("routing", validate_routing);
  run("cache", validate_cache);
  run("layers", validate_layers);
  run("papers", validate_papers);
  run("serving", validate_serving);
  if (print && options.half.empty()) print_changes(options, ledger);
  if (!options.plot.empty()) draw_figures(ledger_figures(ledger), options.plot);
  if (options.json.empty()) return 0;
  const auto json = ledger_json(ledger);
  if (options.json == "-")
    fmt::print("{}", json);
  else
    write_output_file(options.json, json);
  return 0;
}

}  // namespace moesim
