#include "sim/cli/fit_report.hpp"

#include <fmt/core.h>

#include <cmath>

#include "models/cost/profile_catalogue.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"
#include "sim/report/ledger.hpp"
#include "sim/report/text_table.hpp"

namespace moesim {
namespace {

std::string in_percent(double fraction) { return fmt::format("{:.1f} %", 100 * fraction); }
std::string signed_percent(double fraction) { return fmt::format("{:+.1f} %", 100 * fraction); }

void add_rows(TextTable& table, const std::string& operation, const FitOrigin& origin) {
  const auto name =
      fmt::format("{} {}{}{}", operation, origin.scheme,
                  origin.kernel.empty() || origin.scheme.empty() ? "" : ", ", origin.kernel);
  if (origin.hold_out.empty())
    table.add({name, std::to_string(origin.points), "too few points", "", "0", "", "", "", ""});
  for (const auto& h : origin.hold_out)
    if (h.regime.empty())
      table.add({name, std::to_string(origin.points), h.split, name_of(h.tier),
                 std::to_string(h.points), in_percent(h.mean), in_percent(h.median),
                 in_percent(h.p90), signed_percent(h.bias)});
}

template <class Fits>
void add_fits(TextTable& table, const std::string& operation, const Fits& fits) {
  for (const auto& fit : fits) add_rows(table, operation, fit.origin);
}

}  // namespace

std::string hold_out_table(const Profile& profile) {
  TextTable table({{"operation", TextTable::kLeft},
                   {"fitted to"},
                   {"held out", TextTable::kLeft},
                   {"tier", TextTable::kLeft},
                   {"points"},
                   {"mean"},
                   {"median"},
                   {"p90"},
                   {"bias"}});
  add_fits(table, "gemm", profile.gemm);
  add_fits(table, "router", profile.router);
  add_fits(table, "experts", profile.experts);
  add_fits(table, "experts", profile.sequential_experts);
  if (!profile.experts.empty()) add_fits(table, "", profile.experts.front().around);
  if (!profile.sequential_experts.empty())
    add_fits(table, "", profile.sequential_experts.front().around);
  const auto kind = [](const auto& fit) {
    return fit.kind == AttentionKind::kMultiHeadLatent ? " mla, kv" : " gqa, kv";
  };
  const auto kv = [](const auto& fit) { return " " + name_of(fit.kv); };
  for (const auto& fit : profile.prefill)
    add_rows(table, std::string("prefill") + kind(fit) + kv(fit), fit.origin);
  for (const auto& fit : profile.decode)
    add_rows(table, std::string("decode") + kind(fit) + kv(fit), fit.origin);
  add_fits(table, "", profile.elementwise);
  return table.text(0);
}

std::string layer_error_table(const std::vector<LayerError>& layers) {
  TextTable table(
      {{"executed layers", TextTable::kLeft}, {"points"}, {"mean"}, {"median"}, {"p90"}, {"bias"}});
  for (const auto& group : grouped(layers)) {
    const auto e = error_statistics(group.errors);
    table.add({group.name, std::to_string(e.n), in_percent(e.mean_abs), in_percent(e.median_abs),
               in_percent(e.p90_abs), signed_percent(e.bias)});
  }
  return table.text(0);
}

void print_layer_check(const std::string& profile_path, const std::string& layer_csv) {
  const auto profile = read_profile(profile_file(profile_path));
  const auto device = profile.measured_device
                          ? *profile.measured_device
                          : load_device(data_path("models/device"), profile.device);
  const auto layers = check_layers(profile, device, layer_timings(read_csv(layer_csv)));
  fmt::print("{}", layer_error_table(layers));
}

}  // namespace moesim
