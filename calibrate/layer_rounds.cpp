#include "calibrate/layer_rounds.hpp"

#include <fmt/format.h>

#include <cmath>
#include <future>

#include "calibrate/bench.hpp"
#include "calibrate/bench_program.hpp"
#include "calibrate/suite_device.hpp"

namespace moesim {
namespace {

constexpr double kTimeout_s = 300;

/// Runs programs of the suite on the CPU.
class Programs {
 public:
  Programs(std::uint64_t seed, const std::function<void(const std::string&)>& progress)
      : folder_(find_kernel_programs(device_)), seed_(seed), progress_(progress) {}

  CsvTable run(const std::string& operation, bool short_mode = false, int at_once = 1) const {
    const auto path = kernel_program(folder_, operation, device_);
    if (!path)
      throw InputError(fmt::format("{}: the program {}_cpu is not built", folder_, operation));
    progress_(operation);
    ProcessSpec spec{
        *path, {"--seed", std::to_string(seed_)}, bench_environment(device_, false), kTimeout_s};
    if (short_mode) spec.arguments.emplace_back("--short");
    const auto start = [spec] { return run_kernel(spec, {}, [](double) { return true; }); };
    // Ranks share caches, memory and often a physical core: so do their pieces.
    std::vector<std::future<KernelRun>> others;
    for (int other = 1; other < at_once; ++other)
      others.push_back(std::async(std::launch::async, start));
    auto ran = start();
    for (auto& other : others) other.wait();
    if (!ran.table) throw BenchError(operation + ": " + ran.failure);
    return std::move(*ran.table);
  }

 private:
  BenchDevice device_;  // the CPU
  std::string folder_;
  std::uint64_t seed_;
  const std::function<void(const std::string&)>& progress_;
};

BenchRecord probe(const Programs& programs) {
  BenchRecord record;
  record.kind = record.selected = "cpu";
  const auto table = programs.run("device_probe");
  const auto property = table.column("property"), value = table.column("value");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    record.before.emplace_back(table.cell(row, property), table.cell(row, value));
    if (record.before.back().first == "name") record.name = record.before.back().second;
  }
  return record;
}

}  // namespace

double LayerRound::mean() const {
  double sum = 0;
  for (const auto& layer : layers) sum += std::fabs(layer.error());
  return sum / static_cast<double>(layers.size());
}

Executed execute_between_pieces(const std::string& program, std::uint64_t seed,
                                const std::function<void(const std::string&)>& progress) {
  const Programs programs(seed, progress);
  Suite suite;
  suite.folder = "the measurements around " + program;
  suite.record = probe(programs);
  auto& noise = suite.record.noise;
  const auto anchor = [&](const char* when) {
    auto table = programs.run("memory_stream", true);
    std::vector<double> times;
    noise.points.clear();
    for (const auto& [point, time_us] : anchor_points(table)) {
      noise.points.push_back(point);
      times.push_back(time_us);
    }
    noise.anchors.push_back({when, "", std::move(times)});
    return table;
  };
  // The layer whose ranks are threads has two; see kernels/ep_layer.hpp.
  const int ranks = program == "ep_layer" ? 2 : 1;
  const auto pieces = [&] {
    for (const auto* operation : {"grouped_gemm", "router_topk", "permute"})
      suite.tables.push_back(programs.run(operation, false, ranks));
    // Ranks that exchange rows also need the rate of a copy.
    if (ranks > 1) suite.tables.push_back(programs.run("host_copy", false, ranks));
  };
  suite.tables.push_back(anchor("start"));
  pieces();
  anchor("middle");
  auto table = programs.run(program);
  pieces();
  anchor("end");

  const auto device = suite_device(suite, "").device;
  Measured measured;
  for (const auto& rows : suite.tables) add_suite_rows(measured, rows);
  auto profile = fit_profile(measured, device, [](const std::string&) {});
  profile.name = profile.device = device.name;
  profile.measured_device = device;
  return {std::move(table), std::move(profile), device, noise.cv()};
}

LayerRound run_layer_round(std::uint64_t seed,
                           const std::function<void(const std::string&)>& progress) {
  const auto executed = execute_between_pieces("moe_layer", seed, progress);
  return {check_layers(executed.profile, executed.device, layer_timings(executed.table)),
          executed.anchor_cv};
}

}  // namespace moesim
