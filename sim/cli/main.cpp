// moesim: the command line. Results to stdout, everything else to stderr.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

#include "sim/cli/command.hpp"
#include "sim/core/error.hpp"
#include "sim/core/suggest.hpp"
#include "sim/core/version.hpp"
#include "sim/report/text.hpp"

namespace {

using namespace moesim;

void interrupted(int) { _exit(130); }

void add_design_options(CLI::App& command, DesignOptions& options) {
  command.add_option("files", options.files, "scenario files (YAML)")->required();
  command.add_option("-s,--set", options.overrides, "change a value: key.path=value (repeatable)")
      ->allow_extra_args(false);
  command.add_option("--variant", options.variant, "only this variant of the scenario");
}

/// CLI11's own check of a range names both ends of it, and those of a number have 309 digits.
std::string check_seed(const std::string& text) {
  std::int64_t seed = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  const bool good = error == std::errc() && end == text.data() + text.size() && seed >= 0;
  return good ? "" : "expected a whole number of at least 0, found '" + text + "'";
}

void add_run(CLI::App& app, RunOptions& options) {
  auto& command = *app.add_subcommand("run", "simulate scenarios and print their results");
  add_design_options(command, options);
  command.add_option("--seed", options.seed, "seed of every random stream")->check(check_seed);
  command.add_option("--out", options.out,
                     "folder for everything: JSON, CSV, timeline, plots, HTML report");
  command.add_option("--json", options.json, "result as JSON to a file, - for standard output");
  command.add_option("--csv", options.csv, "one line per request as CSV to a file, or -");
  command.add_option("--trace", options.trace,
                     "timeline as Chrome trace for ui.perfetto.dev to a file, or -");
  command.add_option("--report", options.report, "self-contained HTML report to a file");
  command.add_option("--format", options.format, "key names of the JSON")
      ->check(CLI::IsMember({"moesim", "vllm"}));
  command.add_option("--jobs", options.jobs, "designs simulated at a time (default: all cores)");
  command.add_flag("--quiet", options.quiet, "no table, no progress");
}

void add_sweep(CLI::App& app, SweepOptions& options) {
  auto& command = *app.add_subcommand(
      "sweep", "run every point of a design space; the same call again goes on where it stopped");
  command.add_option("file", options.file, "sweep file (YAML)")->required();
  command
      .add_option("-s,--set", options.overrides,
                  "change a value of the scenario: key.path=value (repeatable)")
      ->allow_extra_args(false);
  command.add_option("--jobs", options.jobs, "points simulated at a time (default: all cores)");
  command.add_option("--shard", options.shard,
                     "only part i/n of the points, into a store of its own (see: moesim merge)");
  command.add_option("--search", options.search,
                     "run some designs instead of all, like '{type: local, budget: 24}'");
  command.add_option("--out", options.out,
                     "folder of the store and the results (default: out/NAME of the file)");
  command.add_option("--csv", options.csv, "points as CSV to a file, - for standard output");
  command.add_option("--json", options.json, "points as JSON to a file, - for standard output");
  command.add_flag("--retry", options.retry, "run points again that ended with an error");
  command.add_flag("--quiet", options.quiet, "no table, no progress");
}

void add_merge(CLI::App& app, MergeOptions& options) {
  auto& command =
      *app.add_subcommand("merge", "join the stores of a sweep's shards and show their answer");
  command.add_option("stores", options.stores, "shard-*-of-*.sqlite")->required();
  command.add_option("--out", options.out, "folder of the joint store and the results")->required();
  command.add_flag("--quiet", options.quiet, "no table");
}

void add_capacity(CLI::App& app, CapacityOptions& options) {
  auto& command = *app.add_subcommand(
      "capacity", "the highest load that keeps the SLO, or the fewest GPUs for a load");
  command.add_option("file", options.file, "scenario, its variants as designs, or a sweep file")
      ->required();
  command.add_option("-s,--set", options.overrides, "change a value: key.path=value (repeatable)")
      ->allow_extra_args(false);
  command.add_option("--variant", options.variant, "only this variant of the scenario");
  command.add_option("--load", options.load,
                     "find the design with the fewest GPUs for this load, like '40 /s'");
  command
      .add_option("--attainment", options.attainment,
                  "share of the requests that must be within the SLO (default: 0.99)")
      ->check(CLI::Range(0.01, 1.0));
  command.add_option("--precision", options.precision, "of the load (default: 0.02)")
      ->check(CLI::Range(1e-4, 1.0));
  command.add_option("--json", options.json, "answer as JSON to a file, - for standard output");
  command.add_option("--jobs", options.jobs, "runs at a time (default: all cores)");
  command.add_flag("--quiet", options.quiet, "no table, no progress");
}

void add_validate(CLI::App& app, ValidateOptions& options) {
  auto& command = *app.add_subcommand(
      "validate", "accuracy against reference measurements (MOESIM_REFERENCE_DATA)");
  command.add_option("names", options.names,
                     "what to validate: kernels, collectives, network, routing, cache, layers, "
                     "papers, serving (default: all)");
  command.add_option("--json", options.json, "the ledger as JSON to a file, - for standard output");
  command.add_option("--plot", options.plot,
                     "pictures of predicted against measured into a directory");
  command.add_option(
      "--against", options.against,
      "a ledger (--json) of another run to compare with (default: the committed one)");
  command.add_flag("--markdown", options.markdown, "the table as Markdown");
  command
      .add_option("--rounds", options.rounds,
                  "requests per point as a multiple of its concurrency; 10 as the benchmarks "
                  "(default: fewer where "
                  "outputs are long)")
      ->check(CLI::Range(1, 1000));
  command.add_option("--jobs", options.jobs, "points simulated at a time (default: all cores)");
  command
      .add_option("--half", options.half,
                  "only one half of the serving points: fit, on which engine profiles are fitted, "
                  "or reported (default: both)")
      ->check(CLI::IsMember({"fit", "reported"}));
}

void add_cache(CLI::App& app, CacheOptions& options) {
  auto& command = *app.add_subcommand(
      "cache", "hit rates of expert-cache policies over cache sizes, from recorded choices");
  command.add_option("trace", options.trace, "recorded choices (CSV, JSON, JSONL; gzip too)")
      ->required();
  command
      .add_option("--policy", options.policies,
                  "NAME or '{type: NAME, parameter: value}' (repeatable; default: all)")
      ->allow_extra_args(false);
  command
      .add_option("--slots", options.slots, "slots per layer: N,... (default: 1 to 8 times top-k)")
      ->delimiter(',');
  command.add_flag("--pool", options.pool, "all layers share their slots");
  command.add_option("--batch", options.batch, "tokens of a step, consecutive ones of a sequence")
      ->check(CLI::Range(1, 1'000'000));
  command
      .add_option("--arrival", options.arrival,
                  "of misses; staged: in buffers of their own, together: in slots, in-turn: one by "
                  "one (default: staged)")
      ->check(CLI::IsMember({"staged", "together", "in-turn"}));
  command.add_flag("--cold", options.cold, "caches are empty at every new sequence");
  command.add_option("--experts", options.experts, "of a layer (default: the largest id + 1)")
      ->check(CLI::Range(1, 65535));
  command.add_option("--seed", options.seed, "of policy random")->check(check_seed);
  command.add_option("--csv", options.csv, "the curves as CSV to a file, or -");
  command.add_option("--out", options.out, "folder for the plot and the CSV");
}

/// The programs of kernels/ take seeds of up to 18 digits.
std::string check_bench_seed(const std::string& text) {
  return text.size() > 18 ? "expected at most 18 digits, found '" + text + "'" : check_seed(text);
}

void add_calibrate_fit(CLI::App& calibrate, CalibrateFitOptions& options) {
  auto& fit = *calibrate.add_subcommand(
      "fit", "make a profile of what `calibrate bench` measured, with its hold-out errors");
  fit.add_option("folder", options.folder, "the folder that `calibrate bench` wrote")->required();
  fit.add_option("--out", options.out, "profile: NAME.yaml, and NAME.residual.csv beside it")
      ->required();
  fit.add_option("--device", options.device,
                 "of the catalogue, or a path (default: the one that was measured)");
  fit.add_option("--name", options.name, "of the profile (default: DEVICE.LIBRARY-VERSION)");
}

void add_calibrate_bench(CLI::App& calibrate, CalibrateBenchOptions& options) {
  auto& bench = *calibrate.add_subcommand(
      "bench", "run the microbenchmarks; the same call again goes on after an interruption");
  bench.add_option("--device", options.device, "cpu, or cuda:N for a GPU")->required();
  bench.add_option("--out", options.out, "folder for the tables and their run.json")->required();
  bench.add_option("--seed", options.seed, "order of the measurements and contents of the data")
      ->check(check_bench_seed);
  bench.add_option("--only", options.only, "only these operations: OP,...")->delimiter(',');
  bench.add_flag("--short", options.short_mode,
                 "few points and samples: checks that it works, no calibration");
  bench.add_option("--timeout", options.timeout_s, "seconds for one operation (default: 180)")
      ->check(CLI::Range(0.1, 1e6));
  bench
      .add_option("--max-seconds", options.max_s,
                  "seconds for all of them, then it stops (default: 480)")
      ->check(CLI::Range(0.1, 1e6));
}

void add_calibrate_import(CLI::App& calibrate, CalibrateImportOptions& options) {
  auto& import = *calibrate.add_subcommand(
      "import", "kernel tables of others to a profile, with errors on held-out rows");
  import
      .add_option("tables", options.tables,
                  "CSV files of aiconfigurator (gzip too), folders of LLMServingSim")
      ->required();
  import.add_option("--device", options.device, "a device of the catalogue")->required();
  import.add_option("--out", options.out, "profile to write, NAME.yaml")->required();
  import.add_option("--library", options.library, "kernel library that was measured")->required();
  import.add_option("--library-version", options.version, "its version")->required();
  import.add_option("--source", options.source, "who measured it, with commit or date")->required();
  import.add_option("--licence", options.licence, "licence of the measurements")->required();
  import.add_option("--driver", options.driver, "driver, where it is known");
  import.add_option("--model", options.model, "model of LLMServingSim's folders");
}

void add_calibrate_check(CLI::App& calibrate, CalibrateCheckOptions& options) {
  auto& check = *calibrate.add_subcommand(
      "check", "a profile against tables: errors by operation and regime");
  check.add_option("profile", options.profile, "name of a shipped profile, or a file")->required();
  check.add_option("tables", options.tables, "as for import")->required();
  check.add_option("--model", options.model, "model of LLMServingSim's folders");
}

void add_calibrate_routing(CLI::App& calibrate, CalibrateRoutingOptions& options) {
  auto& routing = *calibrate.add_subcommand(
      "routing", "recorded expert choices to a routing profile, with errors on held-out traces");
  routing
      .add_option("traces", options.traces,
                  "recorded choices, one file per task (CSV, JSON, JSONL; gzip too)")
      ->required();
  routing.add_option("--out", options.out, "profile to write, NAME.yaml (default: print it)");
  routing.add_option("--model", options.model, "whose routing it is");
  routing.add_option("--source", options.source, "who recorded it, with commit or date");
  routing.add_option("--licence", options.licence, "licence of the recording");
  routing.add_option("--experts", options.experts,
                     "experts of a layer (default: the largest id + 1)");
  routing.add_flag("--counts", options.counts,
                   "the file holds expert counts: model, domain, layer, expert, count");
  routing.add_option("--top-k", options.top_k, "experts per token, for --counts");
}

struct Options {
  RunOptions run;
  SweepOptions sweep;
  MergeOptions merge;
  CapacityOptions capacity;
  DesignOptions check;
  std::string a, b;
  std::vector<std::string> models;
  ListOptions list;
  CacheOptions cache;
  ValidateOptions validate;
  CalibrateBenchOptions bench;
  CalibrateImportOptions import;
  CalibrateCheckOptions calibrate_check;
  CalibrateFitOptions fit;
  CalibrateRoutingOptions routing;
};

void add_commands(CLI::App& app, Options& o) {
  add_run(app, o.run);
  add_sweep(app, o.sweep);
  add_merge(app, o.merge);
  add_capacity(app, o.capacity);
  add_design_options(
      *app.add_subcommand("check",
                          "load and build scenarios without running them; print them resolved"),
      o.check);
  auto& compare = *app.add_subcommand(
      "compare", "two results side by side: inputs that differ, then every figure");
  compare.add_option("a", o.a, "result JSON")->required();
  compare.add_option("b", o.b, "result JSON")->required();
  auto& model = *app.add_subcommand("model", "the architectures moesim knows");
  model.require_subcommand(1);
  model.add_subcommand("list", "names of the models that ship");
  model.add_subcommand("show", "parameters, bytes, KV bytes and FLOPs per token of a model")
      ->add_option("model", o.models, "name, Hugging Face id, config.json or YAML")
      ->required();
  auto& list = *app.add_subcommand("list", "slots, their policies and parameters");
  list.add_option("slot", o.list.slot, "only this slot");
  list.add_flag("--scenario", o.list.scenario, "the sections of a scenario instead");
  list.add_flag("--markdown", o.list.markdown, "scenario and slots as the reference in the README");
  app.add_subcommand("schema", "JSON Schema of a scenario, for editors (yaml-language-server)");
  add_cache(app, o.cache);
  add_validate(app, o.validate);
  auto& calibrate =
      *app.add_subcommand("calibrate", "measure a device, and what cost models are made of");
  calibrate.require_subcommand(1);
  add_calibrate_bench(calibrate, o.bench);
  add_calibrate_fit(calibrate, o.fit);
  add_calibrate_import(calibrate, o.import);
  add_calibrate_check(calibrate, o.calibrate_check);
  add_calibrate_routing(calibrate, o.routing);
}

int dispatch(const CLI::App& app, const Options& o) {
  if (app.got_subcommand("run")) return run_command(o.run);
  if (app.got_subcommand("sweep")) return sweep_command(o.sweep);
  if (app.got_subcommand("merge")) return merge_command(o.merge);
  if (app.got_subcommand("capacity")) return capacity_command(o.capacity);
  if (app.got_subcommand("check")) return check_command(o.check);
  if (app.got_subcommand("compare")) return compare_command(o.a, o.b);
  if (app.got_subcommand("list")) return list_command(o.list);
  if (app.got_subcommand("schema")) return schema_command();
  if (app.got_subcommand("cache")) return cache_command(o.cache);
  if (app.got_subcommand("validate")) return validate_command(o.validate);
  if (app.got_subcommand("calibrate")) {
    const auto& calibrate = *app.get_subcommand("calibrate");
    if (calibrate.got_subcommand("fit")) return calibrate_fit_command(o.fit);
    if (calibrate.got_subcommand("import")) return calibrate_import_command(o.import);
    if (calibrate.got_subcommand("check")) return calibrate_check_command(o.calibrate_check);
    if (calibrate.got_subcommand("routing")) return calibrate_routing_command(o.routing);
    return calibrate_bench_command(o.bench);
  }
  if (app.get_subcommand("model")->got_subcommand("list")) return model_list_command();
  return model_show_command(o.models);
}

/// Says it in one line, where to read on included.
void complain(const std::string& what) { fmt::print(stderr, "moesim: {}\n", one_line(what)); }

/// The last command that was understood and how it is called, e.g. "calibrate bench ".
std::pair<const CLI::App*, std::string> deepest(const CLI::App& app) {
  const CLI::App* command = &app;
  std::string name;
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    name += command->get_name() + " ";
  }
  return {command, name};
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  const auto [command, name] = deepest(app);
  const auto at = 1 + static_cast<int>(std::ranges::count(name, ' '));
  const std::string word = argc > at ? argv[at] : "";
  std::vector<std::string> names;
  for (const auto* known : command->get_subcommands({})) names.push_back(known->get_name());
  if (!names.empty() && !word.empty() && word.front() != '-')
    complain("unknown command '" + name + word + "'" + did_you_mean(word, names));
  else
    complain(std::string(error.what()) + " (see: moesim " + name + "--help)");
  return 2;
}

int run(int argc, char** argv) {
  CLI::App app{"moesim: a discrete-event simulator of Mixture-of-Experts serving"};
  app.set_version_flag("--version", std::string("moesim ") + version());
  app.require_subcommand(1);
  app.footer(
      "Every command explains itself: moesim COMMAND --help. Policies and their parameters: moesim "
      "list.");
  Options options;
  add_commands(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error, argc, argv);
  }
  return dispatch(app, options);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGINT, interrupted);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const int code = run(argc, argv);
    if (std::fflush(stdout) != 0)
      throw std::system_error(errno, std::generic_category(), "standard output");
    return code;
  } catch (const moesim::InputError& error) {
    complain(error.what());
    return 2;
  } catch (const moesim::SimulationError& error) {
    complain(std::string("the run failed: ") + error.what());
    return 1;
  } catch (const std::filesystem::filesystem_error& error) {
    complain(std::string("the run failed: ") + error.what());
    return 1;
  } catch (const std::system_error& error) {
    // The reader of a pipe had enough (`moesim ... | head`): nothing to tell anybody.
    if (error.code().value() != EPIPE)
      complain("cannot write to standard output: " + error.code().message());
    return 1;
  } catch (const std::bad_alloc&) {
    complain("the run failed: out of memory");
    return 1;
  } catch (const std::exception& error) {
    complain(std::string("the run failed: ") + error.what());
    return 1;
  }
}
