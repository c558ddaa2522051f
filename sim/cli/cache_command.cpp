// `moesim cache TRACE`: hit rates of every policy over cache sizes from recorded choices, without
// simulating time.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "sim/cache/hit_curve.hpp"
#include "sim/cache/locality.hpp"
#include "sim/cache/trace_accesses.hpp"
#include "sim/cli/command.hpp"
#include "sim/core/output_file.hpp"
#include "sim/report/hit_curve_figure.hpp"
#include "sim/report/human.hpp"

namespace moesim {
namespace {

std::vector<Choice<CachePolicy>> policies_of(const std::vector<std::string>& names) {
  std::vector<Choice<CachePolicy>> policies;
  auto all = names;
  if (all.empty())
    for (const auto& [name, _] : Registry<CachePolicy>::factories()) all.push_back(name);
  for (const auto& name : all)
    policies.push_back(Value<Choice<CachePolicy>>::read(parse_yaml(name, "--policy")));
  return policies;
}

/// The sizes asked for, or multiples of the active experts up to all of them.
std::vector<std::int64_t> sizes_of(const std::vector<std::int64_t>& asked, const CacheShape& shape,
                                   bool staged) {
  auto sizes = asked;
  if (sizes.empty())
    for (const double ratio : {1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0})
      sizes.push_back(std::llround(ratio * static_cast<double>(shape.top_k)));
  std::ranges::sort(sizes);
  sizes.erase(std::ranges::unique(sizes).begin(), sizes.end());
  if (asked.empty()) std::erase_if(sizes, [&](auto n) { return n > shape.experts; });
  for (const auto n : sizes) {
    if (n < 1 || (!staged && n < shape.top_k))
      throw InputError(fmt::format(
          "{} slots per layer hold less than one token needs: {} experts (with --arrival "
          "staged, misses have buffers of their own)",
          n, shape.top_k));
    if (n > shape.experts)
      throw InputError(
          fmt::format("{} slots per layer, but a layer has only {} experts", n, shape.experts));
  }
  return sizes;
}

void describe(const Accesses& tokens, const std::string& file) {
  const auto& shape = tokens.shape();
  fmt::print("{}: {} tokens in {} sequences, {} MoE layers, {} experts, top {}\n", file,
             human_count(tokens.steps()),
             human_count(static_cast<std::int64_t>(tokens.sequences().size())), shape.layers,
             shape.experts, shape.top_k);
  const auto segments = segment_routing_best_performance(tokens, 16);
  fmt::print(
      "locality: {} of a token's experts were the token before's ({} by chance); SRP at 16 tokens "
      "{}\n\n",
      human_percent(step_reuse(tokens)),
      human_percent(static_cast<double>(shape.top_k) / static_cast<double>(shape.experts)),
      segments > 0 ? human_percent(segments) : "unknown: no sequence has as many");
}

}  // namespace

int cache_command(const CacheOptions& options) {
  if (!options.csv.empty() && options.csv != "-") check_writable(options.csv);
  if (!options.out.empty()) prepare_output_directory(options.out);
  const auto policies = policies_of(options.policies);
  const auto trace = read_recorded_trace(options.trace, {0, options.experts, 0});
  const auto tokens = accesses_of(trace);
  CurveOptions how;
  how.sharing = options.pool ? SlotSharing::pool : SlotSharing::layer;
  how.replay = {static_cast<Arrival>(
                    read_choice(parse_yaml(options.arrival, "--arrival"), names_of(Arrival{}))),
                options.cold};
  how.slots = sizes_of(options.slots, tokens.shape(), how.replay.arrival == Arrival::staged);
  how.seed = static_cast<std::uint64_t>(options.seed);
  const auto accesses = options.batch > 1 ? batched(tokens, options.batch) : tokens;
  const auto start = std::chrono::steady_clock::now();
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const auto curves = hit_curves(accesses, policies, how, [&](const auto& policy, auto slots) {
    if (terminal) fmt::print(stderr, "\r\033[Kcache: {} with {} slots", policy, slots);
  });
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  if (terminal) fmt::print(stderr, "\r\033[K");
  const auto csv = hit_curve_csv(curves, how.slots);
  if (options.csv == "-") {
    fmt::print("{}", csv);
  } else {
    describe(tokens, options.trace);
    fmt::print("{}", hit_curve_table(curves, how.slots, tokens.shape().top_k));
    if (!options.csv.empty()) write_output_file(options.csv, csv);
  }
  if (!options.out.empty()) {
    const auto title = "Expert cache: " + std::filesystem::path(options.trace).filename().string();
    const std::vector<Figure> figures{hit_curve_figure(curves, how.slots, title)};
    draw_figures(figures, options.out);
    write_output_file(options.out + "/hit_rate.csv", csv);
  }
  const auto replays = static_cast<double>(curves.size() * how.slots.size());
  fmt::print(stderr, "{} replays of {} accesses in {}: {} accesses per second\n", replays,
             human_count(accesses.accesses()), human_time(wall.count()),
             human_number(replays * static_cast<double>(accesses.accesses()) / wall.count()));
  return 0;
}

}  // namespace moesim
