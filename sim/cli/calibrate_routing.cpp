// `moesim calibrate routing`: recorded choices to a profile of the routing generator, with its
// errors on what it was not fitted to.
#include <fmt/core.h>

#include <algorithm>

#include "calibrate/routing_fit.hpp"
#include "sim/cli/command.hpp"
#include "sim/core/output_file.hpp"

namespace moesim {
namespace {

std::string base_name(const std::string& path) {
  const auto slash = path.rfind('/');
  auto name = slash == std::string::npos ? path : path.substr(slash + 1);
  return name.substr(0, name.find(".csv"));
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void print_checks(const std::vector<RoutingCheck>& checks) {
  std::string last;
  for (const auto& check : checks) {
    if (check.held_out != last)
      fmt::print("\n{}, not seen by the fit{:>{}}\n", check.held_out,
                 "recorded  generated     error  others' mean",
                 std::max<std::size_t>(44, 82 - check.held_out.size()));
    last = check.held_out;
    fmt::print("  {:<34}{:>14.3f}{:>11.3f}{:>9.1f} %{:>11.1f} %\n", check.statistic, check.recorded,
               check.predicted, 100 * check.error(), 100 * check.difference());
  }
}

RoutingProfile from_counts(const CalibrateRoutingOptions& options) {
  if (options.traces.size() != 1 || !options.top_k || options.model.empty())
    throw InputError("--counts takes one table, --model (its rows) and --top-k");
  return fit_expert_counts(options.traces.front(), options.model, *options.top_k);
}

}  // namespace

int calibrate_routing_command(const CalibrateRoutingOptions& options) {
  if (!options.out.empty()) check_writable(options.out);
  RoutingProfile profile;
  std::vector<RoutingCheck> checks;
  std::vector<std::string> names;
  for (const auto& path : options.traces) names.push_back(base_name(path));
  if (options.counts) {
    profile = from_counts(options);
  } else {
    std::vector<RecordedTrace> traces;
    for (const auto& path : options.traces)
      traces.push_back(read_recorded_trace(path, {0, options.experts.value_or(0), 0}));
    std::vector<const RecordedTrace*> all;
    for (const auto& trace : traces) all.push_back(&trace);
    profile = fit_routing(all);
    checks = check_routing_fit(traces, names);
  }
  profile.model = options.model.empty() ? names.front() : options.model;
  profile.source = options.source;
  profile.licence = options.licence;
  profile.note = options.counts ? "fitted to expert counts: spread and correlation of popularity; "
                                  "token and layer affinity are not recorded there and left out"
                                : "fitted to recorded tokens of " + joined(names);
  std::string comment = "Statistics of recorded routing, written by `moesim calibrate routing`.";
  for (const auto& check : checks)
    comment += fmt::format("\nheld out {}: {} recorded {:.3f}, generated {:.3f}", check.held_out,
                           check.statistic, check.recorded, check.predicted);
  const auto yaml = routing_profile_yaml(profile, comment);
  if (options.out.empty()) {
    fmt::print("{}", yaml);
  } else {
    write_output_file(options.out, yaml);
    fmt::print(
        "{}: {} experts, {} per token, {} layers; spread of log popularity {:.2f} to {:.2f}\n",
        options.out, profile.experts, profile.top_k, profile.sigma.size(),
        *std::ranges::min_element(profile.sigma), *std::ranges::max_element(profile.sigma));
    print_checks(checks);
  }
  return 0;
}

}  // namespace moesim
