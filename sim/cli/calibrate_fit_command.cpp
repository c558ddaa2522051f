// `moesim calibrate fit`: measurements to a profile, with its hold-out errors.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

#include "calibrate/suite_profile.hpp"
#include "models/device/catalogue.hpp"
#include "sim/cli/command.hpp"
#include "sim/cli/fit_report.hpp"
#include "sim/core/data_path.hpp"
#include "sim/core/output_file.hpp"

namespace moesim {
namespace {

std::string residual_path(const std::string& yaml) {
  return yaml.substr(0, yaml.size() - 5) + ".residual.csv";
}

void print_summary(const SuiteProfile& fitted, const std::string& out) {
  const auto& p = fitted.profile;
  fmt::print("profile '{}' of device '{}'{}: {} rows, in {}\n\n{}", p.name, p.device,
             p.measured_device ? ", as measured" : "", fitted.rows, out, hold_out_table(p));
  if (!fitted.left_out.empty()) fmt::print("\nleft out:\n");
  for (const auto& [why, rows] : fitted.left_out) fmt::print("{:>6}  {}\n", rows, why);
  if (!p.provenance.anchor_cv) return;
  fmt::print("\nnoise of the device: {:.1f} % (no error can be told below it)\n",
             100 * *p.provenance.anchor_cv);
}

void print_layers(const SuiteProfile& fitted) {
  const auto& p = fitted.profile;
  if (fitted.layers.empty() || p.router.empty() ||
      (p.experts.empty() && p.sequential_experts.empty()))
    return;
  const auto device =
      p.measured_device ? *p.measured_device : load_device(data_path("models/device"), p.device);
  fmt::print("\n{}", layer_error_table(check_layers(p, device, fitted.layers)));
}

}  // namespace

int calibrate_fit_command(const CalibrateFitOptions& options) {
  if (!options.out.ends_with(".yaml") || options.out.size() <= 5)
    throw InputError("--out: a profile is a file NAME.yaml, not '" + options.out + "'");
  check_writable(options.out);
  check_writable(residual_path(options.out));
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const auto fitted =
      fit_suite({options.folder, options.device, options.name}, [&](const std::string& what) {
        if (!terminal) return;
        fmt::print(stderr, "\r\033[Kfitting {}", what);
        std::fflush(stderr);
      });
  if (terminal) fmt::print(stderr, "\r\033[K");
  // The grids first: a profile never stands there without them.
  write_output_file(residual_path(options.out), residual_text(fitted.profile));
  write_output_file(options.out, profile_yaml(fitted.profile));
  print_summary(fitted, options.out);
  print_layers(fitted);
  return 0;
}

}  // namespace moesim
