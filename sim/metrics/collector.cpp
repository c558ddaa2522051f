#include "sim/metrics/collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/core/error.hpp"

namespace moesim {

void Collector::on_step(const StepEvent& step) {
  steps_.push_back({static_cast<int>(step.group), step.start.value, step.duration.value,
                    step.prefill_tokens, step.decode_tokens, step.running, step.waiting,
                    step.kv_used_fraction});
  const auto& cost = *step.cost;
  for (std::size_t p = 0; p < kPhases; ++p) phase_s_[p] += cost.phase_s[p];
  unmeasured_s_ += cost.unmeasured_s;
  moe_.imbalance_sum += cost.moe.imbalance_sum;
  moe_.imbalance_max = std::max(moe_.imbalance_max, cost.moe.imbalance_max);
  moe_.distinct_sum += cost.moe.distinct_sum;
  moe_.layers += cost.moe.layers;
  moe_.rebalances += cost.moe.rebalances;
  moe_.bytes_migrated += cost.moe.bytes_migrated;
  // Phases are placed as they run without contention, each stage after the one before it.
  std::vector<Seconds> stage_start(1, step.start);
  for (const auto& stage : cost.stages) {
    Seconds end = stage_start.back();
    for (const auto& segment : stage) end += segment.busy + segment.alone;
    stage_start.push_back(end);
  }
  for (const auto& span : cost.spans) {
    const auto resource = is_communication(span.phase) ? "network"
                          : span.phase == Phase::host  ? "host"
                                                       : "compute";
    const auto stage = cost.stages.size() > 1 ? fmt::format(" stage {}", span.stage) : "";
    const auto name = span.layer < 0 ? name_of(span.phase)
                                     : fmt::format("layer {} {}", span.layer, name_of(span.phase));
    const Seconds start = stage_start[static_cast<std::size_t>(span.stage)] + span.start;
    phases_.push_back({fmt::format("group {}{} {}", step.group, stage, resource), name, start.value,
                       span.duration.value});
  }
}

void Collector::on_token_gap(Seconds gap) {
  if (!gaps_.empty() && gaps_.back().value == gap.value)
    ++gaps_.back().count;
  else
    gaps_.push_back({gap.value, 1});
}

RequestRow request_row(const Request& request) {
  RequestRow row;
  row.id = request.id;
  row.rank = request.rank;
  row.input_tokens = request.input;
  row.output_tokens = request.output;
  row.arrival_s = request.arrival.value;
  row.queue_s = (request.first_scheduled - request.arrival).value;
  row.ttft_s = (request.first_token - request.arrival).value;
  row.e2e_s = (request.last_token - request.arrival).value;
  row.tpot_s =
      request.output > 1 ? (row.e2e_s - row.ttft_s) / static_cast<double>(request.output - 1) : 0;
  row.preemptions = request.preemptions;
  return row;
}

void Collector::on_finished(const Request& request) { requests_.push_back(request_row(request)); }

void Collector::on_failed(const Request&) {}

Result Collector::result(const Serving& serving) const {
  Result result;
  result.title = serving.scenario().title;
  result.scenario = ServingScenario::parameters().write(serving.scenario());
  result.seed = static_cast<std::uint64_t>(serving.scenario().seed);
  result.events = serving.events();
  result.simulated_s = serving.simulated().value;
  result.gpus = serving.gpus();
  result.preemptions = serving.preemptions();
  add_requests(serving, result);
  add_steps(serving, result);
  if (serving.model().architecture.moe.experts > 0) add_moe(serving, result);
  if (const auto& counts = serving.expert_memory())
    result.cache = {counts->hits,
                    counts->late,
                    counts->misses,
                    counts->skipped,
                    counts->on_cpu,
                    counts->prefetched,
                    counts->wasted,
                    counts->hit_rate(),
                    counts->bytes_loaded.value,
                    counts->stall.value,
                    counts->written_back.value};
  if (const auto& counts = serving.prefixes())
    result.prefix_cache = {
        counts->prompt_tokens, counts->hit_tokens,
        static_cast<double>(counts->hit_tokens) /
            static_cast<double>(std::max<std::int64_t>(1, counts->prompt_tokens))};
  if (result.gpus > 1) add_network(serving, result);
  if (serving.handover()) add_pools(serving, result);
  result.phases = phases_;
  std::ranges::stable_sort(result.phases, {}, &PhaseRow::start_s);
  return result;
}

void Collector::add_requests(const Serving& serving, Result& result) const {
  result.requests = requests_;
  std::ranges::sort(result.requests, {}, &RequestRow::id);
  result.submitted = serving.requests();
  result.failed = serving.failed();
  result.completed = static_cast<std::int64_t>(requests_.size());
  if (result.completed + result.failed != result.submitted)
    throw SimulationError("requests were lost");
  std::vector<double> ttft, tpot, e2e, queue;
  const auto& slo = serving.scenario().slo;
  std::int64_t good = 0;
  for (const auto& row : result.requests) {
    result.input_tokens += row.input_tokens;
    result.output_tokens += row.output_tokens;
    ttft.push_back(row.ttft_s);
    if (row.output_tokens > 1) tpot.push_back(row.tpot_s);
    e2e.push_back(row.e2e_s);
    queue.push_back(row.queue_s);
    const auto meets = [](const std::optional<Seconds>& limit, double value) {
      return !limit || value <= limit->value;
    };
    good += meets(slo.ttft, row.ttft_s) && meets(slo.tpot, row.tpot_s) && meets(slo.e2e, row.e2e_s);
  }
  result.ttft_s = distribution(ttft);
  result.tpot_s = distribution(tpot);
  result.e2e_s = distribution(e2e);
  result.queue_s = distribution(queue);
  result.itl_s = distribution(gaps_);
  const std::int64_t first_tokens = result.completed;
  if (result.itl_s.count + first_tokens != result.output_tokens)
    throw SimulationError(fmt::format("{} tokens came out, {} were asked for",
                                      result.itl_s.count + first_tokens, result.output_tokens));
  if (result.simulated_s <= 0) return;
  const double seconds = result.simulated_s;
  result.output_tokens_per_s = static_cast<double>(result.output_tokens) / seconds;
  result.total_tokens_per_s =
      static_cast<double>(result.output_tokens + result.input_tokens) / seconds;
  result.requests_per_s = static_cast<double>(result.completed) / seconds;
  result.output_tokens_per_s_per_gpu = result.output_tokens_per_s / result.gpus;
  if (slo.stated())
    result.goodput = {static_cast<double>(good) / seconds,
                      static_cast<double>(good) / static_cast<double>(result.submitted)};
}

void Collector::add_steps(const Serving&, Result& result) const {
  result.steps = steps_;
  std::ranges::stable_sort(result.steps, {}, &StepRow::start_s);
  double decode_s = 0;
  for (const auto& step : result.steps) {
    if (step.prefill_tokens == 0) {
      ++result.decode_steps;
      decode_s += step.duration_s;
    } else {
      ++(step.decode_tokens == 0 ? result.prefill_steps : result.mixed_steps);
    }
  }
  if (result.decode_steps > 0)
    result.mean_decode_s = decode_s / static_cast<double>(result.decode_steps);
  const double all = std::accumulate(phase_s_.begin(), phase_s_.end(), 0.0);
  for (std::size_t p = 0; p < kPhases; ++p)
    if (phase_s_[p] > 0) result.time_breakdown_s.emplace_back(names_of(Phase{})[p], phase_s_[p]);
  if (all > 0) result.time_outside_calibration_fraction = std::min(1.0, unmeasured_s_ / all);
}

void Collector::add_moe(const Serving& serving, Result& result) const {
  const auto phase = [&](Phase p) { return phase_s_[static_cast<std::size_t>(p)]; };
  MoeSummary moe;
  const double layers = static_cast<double>(std::max<std::int64_t>(1, moe_.layers));
  moe.imbalance_mean = moe_.imbalance_sum / layers;
  moe.imbalance_max = moe_.imbalance_max;
  moe.distinct_experts_mean = moe_.distinct_sum / layers;
  moe.rebalances = moe_.rebalances / std::max<std::int64_t>(1, serving.layout().groups());
  moe.bytes_migrated = moe_.bytes_migrated;
  moe.dispatch_s = phase(Phase::dispatch);
  moe.combine_s = phase(Phase::combine);
  moe.expert_s = phase(Phase::experts);
  double communication = 0, all = 0;
  for (std::size_t p = 0; p < kPhases; ++p) {
    all += phase_s_[p];
    if (is_communication(static_cast<Phase>(p))) communication += phase_s_[p];
  }
  moe.exposed_comm_fraction = all > 0 ? communication / all : 0;
  result.moe = moe;
  result.expert_load_tokens = serving.totals().expert_tokens;
  const auto& layers_of_model = serving.model().architecture.layers;
  for (std::size_t i = 0; i < layers_of_model.size(); ++i)
    if (layers_of_model[i].moe) result.moe_layers.push_back(static_cast<int>(i));
}

void Collector::add_network(const Serving& serving, Result& result) const {
  NetworkSummary network;
  network.bytes = serving.totals().payload_bytes;
  const auto links = serving.links();
  for (std::size_t l = 0; l < links.size() && result.simulated_s > 0; ++l)
    network.max_link_utilization =
        std::max(network.max_link_utilization,
                 serving.totals().link_bytes[l] / (links[l].capacity.value * result.simulated_s));
  result.network = network;
  result.link_events = serving.link_events();
}

// Steps of the prefill pool are those of its groups, which come first.
void Collector::add_pools(const Serving& serving, Result& result) const {
  const auto& counts = *serving.handover();
  const auto& config = *serving.scenario().disaggregation;
  DisaggregationSummary pools;
  pools.transfers = static_cast<std::int64_t>(counts.transfer_s.size());
  pools.transfer_bytes = counts.bytes;
  pools.transfer_s = distribution(counts.transfer_s);
  pools.wait_s = distribution(counts.wait_s);
  const auto takers = serving.layout().groups();
  const auto fill = [&](PoolSummary& pool, const PoolConfig& of, const Serving& part, bool first) {
    pool.workers = of.workers;
    pool.gpus = part.layout().gpus();
    const double seconds = result.simulated_s * static_cast<double>(part.layout().groups());
    double busy = 0, running = 0, kv = 0;
    for (const auto& step : steps_) {
      if ((step.group < takers) != first) continue;
      busy += step.duration_s;
      running += step.duration_s * static_cast<double>(step.running);
      kv += step.duration_s * step.kv_used_fraction;
    }
    if (seconds <= 0) return;
    pool.busy_fraction = busy / seconds;
    pool.running_per_worker = running / (result.simulated_s * static_cast<double>(of.workers));
    pool.kv_used_fraction = busy > 0 ? kv / busy : 0;
  };
  fill(pools.prefill, config.prefill, serving, true);
  fill(pools.decode, config.decode, *serving.decode_pool(), false);
  result.disaggregation = pools;
}

}  // namespace moesim
