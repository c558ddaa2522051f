#include "sim/report/summary_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/report/headline.hpp"
#include "sim/report/human.hpp"
#include "sim/report/text.hpp"
#include "sim/report/text_table.hpp"

namespace moesim {
namespace {

constexpr int kLabelWidth = 14;
constexpr std::size_t kBarWidth = 30;

std::string entry(std::string_view label, const std::string& text) {
  return fmt::format("{:<{}}{}\n", label, kLabelWidth, text);
}

std::string requests_section(const Result& r) {
  auto text = fmt::format("{} completed of {}", human_count(r.completed), human_count(r.submitted));
  if (r.failed > 0) text += fmt::format(", {} failed", human_count(r.failed));
  if (r.preemptions > 0) text += fmt::format(", {} preemptions", human_count(r.preemptions));
  auto out = entry("requests", text);
  out += entry("tokens", fmt::format("{} in, {} out", human_count(r.input_tokens),
                                     human_count(r.output_tokens)));
  out += entry("simulated", fmt::format("{} on {} GPU{}", human_time(r.simulated_s), r.gpus,
                                        r.gpus == 1 ? "" : "s"));
  return out;
}

std::string throughput_section(const Result& r) {
  auto out = entry(
      "throughput",
      fmt::format("{} output tok/s, {} per GPU; {} total tok/s; {} req/s",
                  human_number(r.output_tokens_per_s), human_number(r.output_tokens_per_s_per_gpu),
                  human_number(r.total_tokens_per_s), human_number(r.requests_per_s)));
  if (r.goodput)
    out += entry("goodput", fmt::format("{} req/s within the SLO ({} of the requests)",
                                        human_number(r.goodput->requests_per_s),
                                        human_percent(r.goodput->fraction)));
  return out;
}

/// One unit and one number of decimals per row, so that a row reads across.
void add_latency(TextTable& table, const std::string& name, const Distribution& d) {
  if (d.count == 0) return;
  const double typical = d.p50 > 0 ? d.p50 : d.max;
  const bool seconds = typical >= 10;
  const bool micro = !seconds && typical > 0 && typical < 1e-3;
  const double scale = seconds ? 1 : micro ? 1e6 : 1e3;
  const double shown = typical * scale;
  const int decimals =
      shown > 0 ? std::clamp(2 - static_cast<int>(std::floor(std::log10(shown))), 0, 2) : 0;
  const auto cell = [&](double value) { return human_fixed(value * scale, decimals); };
  table.add({name,
             seconds ? "s"
             : micro ? "us"
                     : "ms",
             cell(d.mean), cell(d.p50), cell(d.p90), cell(d.p95), cell(d.p99), cell(d.max)});
}

std::string latency_section(const Result& r) {
  TextTable table({{"latency", TextTable::kLeft},
                   {"", TextTable::kLeft},
                   {"mean"},
                   {"p50"},
                   {"p90"},
                   {"p95"},
                   {"p99"},
                   {"max"}});
  add_latency(table, "TTFT", r.ttft_s);
  add_latency(table, "TPOT", r.tpot_s);
  add_latency(table, "ITL", r.itl_s);
  add_latency(table, "E2E", r.e2e_s);
  add_latency(table, "queue", r.queue_s);
  const auto text = table.text(0);
  return text.empty() ? text : "\n" + text + "\n";
}

std::string steps_section(const Result& r) {
  auto text = fmt::format("{} prefill, {} decode, {} mixed", human_count(r.prefill_steps),
                          human_count(r.decode_steps), human_count(r.mixed_steps));
  if (r.decode_steps > 0) text += fmt::format("; mean decode step {}", human_time(r.mean_decode_s));
  return entry("steps", text);
}

std::string moe_section(const Result& r) {
  if (!r.moe) return "";
  auto out =
      entry("experts",
            fmt::format("imbalance {:.2f} mean, {:.2f} max (busiest rank / mean); "
                        "{:.1f} distinct per layer and step",
                        r.moe->imbalance_mean, r.moe->imbalance_max, r.moe->distinct_experts_mean));
  out += entry(
      "", fmt::format("dispatch {}, experts {}, combine {}; {} of the step time is exposed "
                      "communication",
                      human_time(r.moe->dispatch_s), human_time(r.moe->expert_s),
                      human_time(r.moe->combine_s), human_percent(r.moe->exposed_comm_fraction)));
  if (r.cache)
    out += entry(
        "expert cache",
        fmt::format("{} hits ({}), {} late prefetches, {} misses; {} loaded, layers waited {}",
                    human_count(r.cache->hits), human_percent(r.cache->hit_rate),
                    human_count(r.cache->late), human_count(r.cache->misses),
                    human_bytes(r.cache->bytes_loaded), human_time(r.cache->stall_s)));
  if (r.moe->rebalances > 0 || r.moe->bytes_migrated > 0)
    out += entry("balance",
                 fmt::format("{} rebalances, {} of weights moved", human_count(r.moe->rebalances),
                             human_bytes(r.moe->bytes_migrated)));
  return out;
}

std::string prefix_section(const Result& r) {
  if (!r.prefix_cache) return "";
  return entry("prefix cache", fmt::format("{} of {} prompt tokens were cached ({})",
                                           human_count(r.prefix_cache->hit_tokens),
                                           human_count(r.prefix_cache->prompt_tokens),
                                           human_percent(r.prefix_cache->hit_rate)));
}

std::string network_section(const Result& r) {
  if (!r.network) return "";
  auto section = entry("network", fmt::format("{} over all links; busiest link {} utilised",
                                              human_bytes(r.network->bytes),
                                              human_percent(r.network->max_link_utilization)));
  for (const auto& event : r.link_events) section += entry("links", event);
  return section;
}

/// A prefill pool near 100 % busy is short of workers; a decode pool is, where requests wait for it
/// (it is busy however few it runs).
std::string pools_section(const Result& r) {
  if (!r.disaggregation) return "";
  const auto& pools = *r.disaggregation;
  const auto pool = [](const char* name, const PoolSummary& p) {
    return entry(name,
                 fmt::format("{} worker{} on {} GPUs, busy {}; {} requests at a time in each, "
                             "KV memory {} used",
                             human_count(p.workers), p.workers == 1 ? "" : "s", human_count(p.gpus),
                             human_percent(p.busy_fraction), human_number(p.running_per_worker),
                             human_percent(p.kv_used_fraction)));
  };
  auto out = pool("prefill pool", pools.prefill) + pool("decode pool", pools.decode);
  if (pools.transfers > 0)
    out += entry("KV transfer",
                 fmt::format("{} of {}, mean {} after waiting {} for memory",
                             human_count(pools.transfers), human_bytes(pools.transfer_bytes),
                             human_time(pools.transfer_s.mean), human_time(pools.wait_s.mean)));
  return out;
}

std::string breakdown_section(const Result& r) {
  double sum = 0;
  double largest = 0;
  for (const auto& [phase, seconds] : r.time_breakdown_s) {
    sum += seconds;
    largest = std::max(largest, seconds);
  }
  if (sum <= 0) return "";
  TextTable table(
      {{"time by phase", TextTable::kLeft}, {"time"}, {"share"}, {"", TextTable::kLeft}});
  for (const auto& [phase, seconds] : r.time_breakdown_s) {
    const auto bar =
        static_cast<std::size_t>(std::lround(seconds / largest * static_cast<double>(kBarWidth)));
    table.add({one_line(phase), human_time(seconds), human_percent(seconds / sum),
               std::string(bar, '#')});
  }
  return "\n" + table.text(0);
}

std::string trust_section(const Result& r) {
  const auto share = human_percent(r.time_outside_calibration_fraction);
  if (r.time_outside_calibration_fraction <= 0)
    return entry("trust", "all of the time predicted inside the calibrated range");
  return entry("trust",
               fmt::format("{} of the time predicted outside the calibrated range", share));
}

}  // namespace

std::string summary_table(const Result& r) {
  std::string out;
  if (!r.title.empty()) out += one_line(r.title) + "\n\n";
  out += requests_section(r) + throughput_section(r) + latency_section(r) + steps_section(r) +
         prefix_section(r) + moe_section(r) + network_section(r) + pools_section(r) +
         breakdown_section(r) + "\n" + trust_section(r);
  return out + entry("run", fmt::format("seed {}; {} events in {}, {} of memory", r.seed,
                                        human_count(r.events), human_time(r.wall_s),
                                        human_bytes(static_cast<double>(r.peak_rss_bytes))));
}

std::string variants_table(std::span<const Result> results) {
  std::vector<TextTable::Column> columns = {{"", TextTable::kLeft}};
  for (const auto& result : results) columns.push_back({shorten(one_line(result.title), 28) + " "});
  TextTable table(columns);
  bool marked = false;
  for (const auto& headline : headlines()) {
    std::vector<std::optional<double>> values;
    for (const auto& result : results) values.push_back(headline.value(result));
    if (std::none_of(values.begin(), values.end(), [](const auto& v) { return v.has_value(); }))
      continue;
    const auto best = best_of(headline, values);
    std::vector<std::string> cells = {headline.name};
    for (std::size_t i = 0; i < values.size(); ++i) {
      const bool is_best = std::find(best.begin(), best.end(), i) != best.end();
      marked = marked || is_best;
      cells.push_back((values[i] ? headline_text(headline, *values[i]) : "-") +
                      (is_best ? "*" : " "));
    }
    table.add(std::move(cells));
  }
  return table.text(0) + (marked ? "* best of the row\n" : "");
}

}  // namespace moesim
