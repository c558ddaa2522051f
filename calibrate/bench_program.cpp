#include "calibrate/bench_program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "calibrate/bench_table.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> candidate_folders() {
  const char* given = std::getenv("MOESIM_KERNELS");
  if (given != nullptr && *given != '\0') return {given};
  std::vector<std::string> folders;
  std::error_code ignored;
  const auto program = fs::read_symlink("/proc/self/exe", ignored);
  if (!program.empty()) {
    folders.push_back((program.parent_path() / "kernels").string());
    folders.push_back(
        (program.parent_path().parent_path() / "libexec" / "moesim").lexically_normal().string());
  }
  folders.emplace_back(MOESIM_LIBEXEC_DIR);
  return folders;
}

/// The command that builds them, from the build tree this program is in if it is in one.
std::string build_command(const BenchDevice& device) {
  std::error_code ignored;
  const auto tree = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  const bool known = fs::exists(tree / "CMakeCache.txt", ignored);
  return fmt::format("`cmake --build {}`{}", known ? tree.string() : "BUILD_FOLDER",
                     device.kind == BenchDevice::Kind::kCuda ? " where nvcc is installed" : "");
}

std::string file_name(const std::string& operation, const BenchDevice& device) {
  return device.kind == BenchDevice::Kind::kCpu ? operation + "_cpu" : operation;
}

void check_table(const CsvTable& table, const std::vector<std::string>& required) {
  table.column("op");
  for (const auto& name : required) table.column(name);
  if (const auto taken = table.find_column(kProgramColumn))
    throw InputError(table.header_at(*taken), "the harness names the program itself");
  const auto latency = table.find_column("latency_us");
  const auto flag = table.find_column("flag");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (!latency) continue;
    const bool excused = flag && !table.cell(row, *flag).empty();
    if (table.cell(row, *latency).empty() && excused) continue;
    if (table.number(row, *latency) <= 0)
      throw InputError(table.at(row, *latency), "a time of zero or less");
  }
}

}  // namespace

std::optional<std::string> kernel_program(const std::string& folder, const std::string& operation,
                                          const BenchDevice& device) {
  const auto path = fs::path(folder) / file_name(operation, device);
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return std::nullopt;
  return path.string();
}

std::string find_kernel_programs(const BenchDevice& device) {
  const auto folders = candidate_folders();
  for (const auto& folder : folders)
    for (const auto& operation : bench_suite())
      if (kernel_program(folder, operation.name, device)) return folder;
  throw InputError(
      fmt::format("no benchmark program for {} is built: looked in {}; build them with {}, or set "
                  "MOESIM_KERNELS to their folder",
                  device.kind_name(), fmt::join(folders, ", "), build_command(device)));
}

KernelRun run_kernel(const ProcessSpec& spec, const std::vector<std::string>& required,
                     const std::function<bool(double)>& wanted) {
  KernelRun run;
  run.process = run_process(spec, wanted);
  run.failure = run.process.failure;
  if (!run.failure.empty()) return run;
  try {
    auto table = parse_csv(std::move(run.process.out), "its output");
    check_table(table, required);
    run.table = std::move(table);
  } catch (const InputError& error) {
    run.failure = error.what();
  }
  return run;
}

}  // namespace moesim
