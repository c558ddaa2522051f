// The commands of `moesim`: plain options in, exit code out (0 fine, 1 the run failed, 2 wrong
// usage or input, 130 interrupted). The command line itself is parsed in main.cpp alone, which is
// the only file to pay for CLI11.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace moesim {

/// Which designs: files, `key.path=value` changes, and one variant or all.
struct DesignOptions {
  std::vector<std::string> files, overrides;
  std::string variant;
};

struct RunOptions : DesignOptions {
  std::optional<std::int64_t> seed;
  std::string json, csv, trace, report, out;
  std::string format = "moesim";
  unsigned jobs = 0;
  bool quiet = false;
};
int run_command(RunOptions options);
/// The command as a user would type it again.
std::string command_text(const RunOptions& options);

struct SweepOptions {
  std::string file, shard, search, out, csv, json;
  std::vector<std::string> overrides;
  unsigned jobs = 0;
  bool retry = false, quiet = false;
};
int sweep_command(const SweepOptions& options);

struct MergeOptions {
  std::vector<std::string> stores;
  std::string out;
  bool quiet = false;
};
int merge_command(const MergeOptions& options);

struct CapacityOptions {
  std::string file, variant, load, json;
  std::vector<std::string> overrides;
  double attainment = 0.99, precision = 0.02;
  unsigned jobs = 0;
  bool quiet = false;
};
int capacity_command(const CapacityOptions& options);

int check_command(const DesignOptions& options);
int compare_command(const std::string& a, const std::string& b);
int model_list_command();
int model_show_command(const std::vector<std::string>& names);

struct ListOptions {
  std::string slot;
  bool scenario = false, markdown = false;
};
int list_command(const ListOptions& options);
int schema_command();

struct CacheOptions {
  std::string trace;
  std::vector<std::string> policies;  ///< names, or {type: NAME, ...}; empty: all
  std::vector<std::int64_t> slots;    ///< of a layer; empty: multiples of the active experts
  std::int64_t experts = 0;           ///< of a layer; 0: the largest id + 1
  std::int64_t batch = 1, seed = 1;
  bool pool = false, cold = false;
  std::string arrival = "staged", csv, out;
};
int cache_command(const CacheOptions& options);

struct ValidateOptions {
  std::vector<std::string> names;  ///< empty: all
  std::string json;
  std::string plot;     ///< directory; empty: none
  std::string against;  ///< ledger to compare with; empty: the committed one
  bool markdown = false;
  std::int64_t rounds = 0;
  unsigned jobs = 0;
  std::string half;  ///< of the serving points: fit, reported or, empty, both
};
int validate_command(const ValidateOptions& options);

struct CalibrateBenchOptions {
  std::string device, out;
  std::int64_t seed = 1;
  std::vector<std::string> only;  ///< empty: all
  bool short_mode = false;
  double timeout_s = 180, max_s = 480;
};
int calibrate_bench_command(const CalibrateBenchOptions& options);

struct CalibrateImportOptions {
  std::vector<std::string> tables;  ///< CSV files and folders of LLMServingSim
  std::string device, out;
  std::string library, version, source, licence, driver;
  std::string model;  ///< of LLMServingSim's folders; empty: what they say
};
int calibrate_import_command(const CalibrateImportOptions& options);

struct CalibrateCheckOptions {
  std::string profile;
  std::vector<std::string> tables;
  std::string model;
};
int calibrate_check_command(const CalibrateCheckOptions& options);

struct CalibrateRoutingOptions {
  std::vector<std::string> traces;
  std::string out, model, source, licence;
  std::optional<std::int64_t> experts, top_k;
  bool counts = false;
};
int calibrate_routing_command(const CalibrateRoutingOptions& options);

struct CalibrateFitOptions {
  std::string folder, out, device, name;
};
int calibrate_fit_command(const CalibrateFitOptions& options);

}  // namespace moesim
