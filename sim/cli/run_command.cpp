// `moesim run FILE...`: reads, checks, simulates, writes what was asked for.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "sim/cli/command.hpp"
#include "sim/cli/simulate.hpp"
#include "sim/cli/study_command.hpp"
#include "sim/cli/temporary_folder.hpp"
#include "sim/core/output_file.hpp"
#include "sim/report/chrome_trace.hpp"
#include "sim/report/figure.hpp"
#include "sim/report/html_report.hpp"
#include "sim/report/request_csv.hpp"
#include "sim/report/result_json.hpp"
#include "sim/report/summary_table.hpp"

namespace moesim {
namespace {

std::string json_of(const RunOptions& options, const std::vector<Result>& results) {
  const auto one = [&](const Result& result) {
    return options.format == "vllm" ? vllm_json(result) : result_json(result);
  };
  if (results.size() == 1) return one(results.front());
  std::string all = "[\n";
  for (std::size_t i = 0; i < results.size(); ++i) {
    auto text = one(results[i]);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    all += text + (i + 1 < results.size() ? ",\n" : "\n");
  }
  return all + "]\n";
}

void write_or_print(const std::string& path, const std::string& content) {
  if (path == "-")
    fmt::print("{}", content);
  else
    write_output_file(path, content);
}

/// A file name from a variant's name: anything unusual becomes '_'.
std::string folder_name(const std::string& name) {
  std::string safe;
  for (const char c : name)
    safe += std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' ? c : '_';
  return safe.empty() || safe.front() == '.' ? "_" + safe : safe;
}

void write_report(const RunOptions& options, const std::vector<Design>& designs,
                  const std::vector<Result>& results, const std::string& path,
                  const std::string& figure_directory) {
  HtmlReport report;
  report.title = results.size() == 1 ? results.front().title
                                     : std::filesystem::path(designs.front().file).stem().string();
  report.question = designs.front().scenario.question;
  report.command = command_text(options);
  report.results = results;
  if (const auto figures = figures_of(results); !figures.empty()) {
    draw_figures(figures, figure_directory);
    report.pictures = read_pictures(figures, figure_directory);
  }
  write_or_print(path, html_report(report));
}

void write_folder(const RunOptions& options, const std::vector<Design>& designs,
                  const std::vector<Result>& results) {
  const std::filesystem::path out = options.out;
  write_output_file((out / "result.json").string(), json_of(options, results));
  for (const auto& result : results) {
    const auto folder = results.size() == 1 ? out : out / folder_name(result.title);
    prepare_output_directory(folder.string());
    write_output_file((folder / "result.json").string(), result_json(result));
    write_output_file((folder / "requests.csv").string(), request_csv(result));
    write_output_file((folder / "steps.csv").string(), step_csv(result));
    write_output_file((folder / "timeline.json").string(), chrome_trace(result));
    if (results.size() > 1) draw_figures(figures_of(std::span(&result, 1)), folder.string());
  }
  write_report(options, designs, results, (out / "report.html").string(), out.string());
}

void check_outputs(const RunOptions& options, std::size_t results) {
  if (results > 1 && (!options.csv.empty() || !options.trace.empty()))
    throw InputError("--csv and --trace hold one run, these are " + std::to_string(results) +
                     "; choose one with --variant, or use --out DIR");
  const std::vector<std::string> paths = {options.json, options.csv, options.trace, options.report};
  if (std::ranges::count(paths, "-") > 1)
    throw InputError(
        "standard output takes one of --json, --csv, --trace and --report; give the others a file");
  for (const auto& path : paths)
    if (!path.empty() && path != "-") check_writable(path);
  if (!options.out.empty()) prepare_output_directory(options.out);
}

}  // namespace

std::string command_text(const RunOptions& options) {
  std::string text = "./moesim run";
  for (const auto& file : options.files) text += " " + file;
  for (const auto& set : options.overrides)
    if (!set.starts_with("seed=")) text += " -s '" + set + "'";
  if (options.seed) text += " --seed " + std::to_string(*options.seed);
  if (!options.variant.empty()) text += " --variant " + options.variant;
  return text;
}

int run_command(RunOptions options) {
  if (options.seed) options.overrides.push_back("seed=" + std::to_string(*options.seed));
  if (are_studies(options)) return study_run_command(options);
  const auto designs = read_designs(options.files, options.overrides, options.variant);
  check_outputs(options, designs.size());
  const bool progress = !options.quiet && isatty(STDERR_FILENO) != 0;
  const auto results = simulate(designs, {progress, options.jobs});

  const bool stdout_taken =
      options.json == "-" || options.csv == "-" || options.trace == "-" || options.report == "-";
  if (!options.quiet && !stdout_taken)
    fmt::print("{}",
               results.size() == 1 ? summary_table(results.front()) : variants_table(results));
  if (!options.json.empty()) write_or_print(options.json, json_of(options, results));
  if (!options.csv.empty()) write_or_print(options.csv, request_csv(results.front()));
  if (!options.trace.empty()) write_or_print(options.trace, chrome_trace(results.front()));
  if (!options.out.empty()) write_folder(options, designs, results);
  if (!options.report.empty())
    write_report(options, designs, results, options.report, TemporaryFolder().path());
  if (!options.quiet && !options.out.empty()) fmt::print(stderr, "moesim: wrote {}\n", options.out);
  return 0;
}

}  // namespace moesim
