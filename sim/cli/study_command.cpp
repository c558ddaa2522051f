#include "sim/cli/study_command.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sim/cli/process_pool.hpp"
#include "sim/cli/temporary_folder.hpp"
#include "sim/core/output_file.hpp"
#include "sim/core/suggest.hpp"
#include "sim/engine/collective_study.hpp"
#include "sim/report/study_html.hpp"
#include "sim/scenario/document.hpp"

namespace moesim {
namespace {

std::vector<CollectiveScenario> read_studies(const DesignOptions& options) {
  std::vector<CollectiveScenario> studies;
  for (const auto& file : options.files) {
    std::vector<std::string> names;
    bool found = false;
    for (const auto& v :
         expand_variants(load_document(file, options.overrides), options.overrides)) {
      names.push_back(v.name);
      if (!options.variant.empty() && v.name != options.variant) continue;
      found = true;
      studies.push_back(read_collective_scenario(v.scenario));
      auto& title = studies.back().title;
      if (title.empty()) title = std::filesystem::path(file).stem().string();
      if (!v.name.empty()) title += ": " + v.name;
    }
    if (!found)
      throw InputError(fmt::format(
          "{}: no variant '{}'{}", file, options.variant,
          names.front().empty() ? "; the file has none" : did_you_mean(options.variant, names)));
  }
  return studies;
}

std::string json_of(const std::vector<StudyResult>& results) {
  if (results.size() == 1) return study_json(results.front());
  std::string all = "[\n";
  for (std::size_t i = 0; i < results.size(); ++i)
    all += study_json(results[i]) + (i + 1 < results.size() ? ",\n" : "");
  return all + "]\n";
}

std::filesystem::path folder_of(const std::string& out, std::size_t studies, std::size_t i) {
  return studies == 1 ? std::filesystem::path(out) : std::filesystem::path(out) / std::to_string(i);
}

/// Draws into `folder`, and writes the report with what was drawn.
void write_report(const RunOptions& options, const std::vector<StudyResult>& results,
                  const std::string& folder, const std::string& file) {
  StudyHtml report{command_text(options), results, {}};
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto figures = study_figures(results[i]);
    const auto into = folder_of(folder, results.size(), i + 1).string();
    if (!figures.empty()) draw_figures(figures, into);
    report.pictures.push_back(read_pictures(figures, into));
  }
  if (file == "-")
    fmt::print("{}", study_html(report));
  else
    write_output_file(file, study_html(report));
}

void write_folder(const RunOptions& options, const std::vector<StudyResult>& results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto folder = folder_of(options.out, results.size(), i + 1);
    prepare_output_directory(folder.string());
    write_output_file((folder / "result.json").string(), study_json(results[i]));
  }
  const auto file = std::filesystem::path(options.out) / "report.html";
  write_report(options, results, options.out, file.string());
}

std::string pack(const SimulatedStudy& study) {
  nlohmann::json json = {{"activities", study.activities}};
  for (const auto& c : study.collectives)
    json["collectives"].push_back({c.start_s, c.completion_s, c.flow_time_s, c.events});
  return json.dump();
}

SimulatedStudy unpack(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  SimulatedStudy study;
  study.activities = json["activities"].get<std::int64_t>();
  for (const auto& c : json["collectives"])
    study.collectives.push_back({c[0].get<double>(), c[1].get<double>(),
                                 c[2].get<std::vector<double>>(),
                                 c[3].get<std::vector<std::string>>()});
  return study;
}

/// One process is one simulation.
SimulatedStudy simulate_apart(const CollectiveScenario& scenario,
                              const Choice<Transport>& transport, std::int64_t sample) {
  SimulatedStudy study;
  run_processes(
      1, 1, [&](std::size_t) { return pack(simulate_collectives(scenario, transport, sample)); },
      [&](std::size_t, const ProcessOutcome& outcome) {
        using End = ProcessOutcome::End;
        if (outcome.end == End::kRefused) throw InputError(outcome.text);
        if (outcome.end == End::kFailed) throw SimulationError(outcome.text);
        if (outcome.end == End::kDied)
          throw SimulationError("a simulation's process ended without a result");
        study = unpack(outcome.text);
      });
  return study;
}

void refuse(const std::string& value, const char* option) {
  if (!value.empty())
    throw InputError(
        fmt::format("{} is of serving scenarios; these are of kind collective", option));
}

}  // namespace

bool are_studies(const DesignOptions& options) {
  std::size_t studies = 0;
  for (const auto& file : options.files)
    if (kind_of(load_document(file, options.overrides)) == "collective") ++studies;
  if (studies != 0 && studies != options.files.size())
    throw InputError("scenarios of kind collective and of kind serving do not run together");
  return studies != 0;
}

int study_run_command(const RunOptions& options) {
  refuse(options.csv, "--csv");
  refuse(options.trace, "--trace");
  if (options.json == "-" && options.report == "-")
    throw InputError("standard output takes one of --json and --report; give the other a file");
  const auto studies = read_studies(options);
  if (!options.json.empty() && options.json != "-") check_writable(options.json);
  if (!options.report.empty() && options.report != "-") check_writable(options.report);
  if (!options.out.empty()) prepare_output_directory(options.out);
  std::vector<StudyResult> results;
  for (const auto& study : studies) results.push_back(run_study_apart(study));
  if (!options.quiet && options.json != "-" && options.report != "-")
    for (std::size_t i = 0; i < results.size(); ++i)
      fmt::print("{}{}", i > 0 ? "\n" : "", study_table(results[i]));
  if (options.json == "-")
    fmt::print("{}", json_of(results));
  else if (!options.json.empty())
    write_output_file(options.json, json_of(results));
  if (!options.out.empty()) write_folder(options, results);
  if (!options.report.empty())
    write_report(options, results, TemporaryFolder().path(), options.report);
  return 0;
}

StudyResult run_study_apart(const CollectiveScenario& scenario) {
  return run_study(scenario, simulate_apart);
}

int study_check_command(const DesignOptions& options) {
  for (const auto& study : read_studies(options)) {
    const Network network(study.cluster);
    fmt::print("# {}: {} GPUs, {} switches, {} links\n{}", study.title, network.gpus(),
               network.fabric().switches(), network.links().size(),
               to_yaml(CollectiveScenario::parameters().write(study)));
  }
  return 0;
}

}  // namespace moesim
