#include "sim/serving/serving.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <filesystem>

#include "models/architecture/catalog.hpp"
#include "models/architecture/size.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"
#include "sim/engine/offload_groups.hpp"
#include "sim/serving/deployment_checks.hpp"
#include "sim/serving/disaggregation.hpp"
#include "sim/serving/rank_load.hpp"
#include "sim/serving/serving_pools.hpp"

namespace moesim {
namespace {

constexpr std::int64_t kDefaultRequests = 500;

/// A model's file that lies beside the scenario that names it, else `name` as it is.
std::string beside(const std::string& name, const Location& where) {
  const std::filesystem::path path(name);
  if (!path.has_extension() && !path.has_parent_path()) return name;
  const auto there = std::filesystem::path(where.file).parent_path() / path;
  std::error_code ignored;
  return std::filesystem::is_regular_file(there, ignored) ? there.string() : name;
}

Model load_served_model(const ModelConfig& config, const Location& where) {
  Model model = load_model(beside(config.name, where), where);
  auto& a = model.architecture;
  if (config.decoder_alone.value_or(false) && !a.encoder_decoder())
    throw InputError(where, a.name + " is a decoder already: leave decoder_alone out");
  if (config.decoder_alone.value_or(false)) a.encoder_layers.clear();
  if (config.experts && a.moe.experts == 0)
    throw InputError(where, a.name + " has no routed experts: leave experts out");
  if (config.experts) a.moe.experts = *config.experts;
  if (config.expert_width && a.moe.experts == 0)
    throw InputError(where, a.name + " has no routed experts: leave expert_width out");
  if (config.expert_width)
    a.moe.intermediate = std::max<std::int64_t>(
        1, std::llround(*config.expert_width * static_cast<double>(a.moe.intermediate)));
  if (const auto problem = find_problem(model.architecture))
    throw InputError(where, problem->field + ": " + problem->what);
  if (model.architecture.encoder_decoder())
    throw InputError(
        where,
        model.architecture.name +
            " is an encoder-decoder model: its size can be shown (`moesim model show`), serving "
            "it is not simulated; decoder_alone: true takes its decoder");
  model.precision = config.dtype.apply_to(model.precision);
  return model;
}

KvCache cache_of(const MemoryPlan& memory, std::int64_t block) {
  return {{memory.kv_full_per_token, memory.kv_window_per_token, memory.window, block},
          memory.kv_capacity};
}

}  // namespace

/// What exists only while the clock runs.
struct Serving::Running {
  Running(const std::vector<SharedLink>& links, RunObserver& run_observer)
      : simulation(links),
        observer(run_observer),
        vacancy(simulation.semaphore()),
        accepted_one(simulation.semaphore()) {}

  Simulation simulation;
  RunObserver& observer;
  std::unique_ptr<Arrivals> arrivals;
  std::unique_ptr<Lengths> lengths;
  std::unique_ptr<RequestRouter> router;
  std::deque<FlowTraffic> traffic;  ///< of every network; fidelity `pairwise`
  std::deque<EngineGroup> groups;   ///< those that requests arrive at, then the decode pool's
  std::unique_ptr<Handover> handover;
  std::deque<Request> requests;  ///< stable addresses
  // Closed loop: requests that may still be sent, and what the sender waits for when there are
  // none.
  bool closed_loop = false;
  std::int64_t vacancies = 0;
  bool sender_waits = false;
  Simulation::Semaphore vacancy;
  // What has arrived and is on its way through the front end; null: failed at arrival.
  std::deque<Request*> accepted;
  Simulation::Semaphore accepted_one;
  std::int64_t done = 0;
};

Serving::Serving(const ServingScenario& scenario, const ScenarioPlaces& places)
    : Serving(scenario, scenario.disaggregation ? prefill_scenario(scenario) : scenario, places,
              0) {
  if (!scenario.disaggregation) return;
  auto decode_places = places;
  decode_places.parallel = places.decode;
  const auto decode = decode_scenario(scenario);
  decode_.reset(new Serving(decode, decode, decode_places, first_decode_gpu(scenario)));
  longest_ = std::min(longest_, decode_->longest_);
}

Serving::Serving(const ServingScenario& given, const ServingScenario& scenario,
                 const ScenarioPlaces& places, std::int64_t first_gpu)
    : given_(given),
      scenario_(scenario),
      model_(load_served_model(scenario.model, places.model)),
      device_(load_device(data_path("models/device"), scenario.cluster.node.node.device)),
      layout_(scenario.parallel, model_.architecture, scenario.routing.redundant_experts,
              scenario.cluster.gpus(), places.parallel),
      network_(scenario.cluster, scenario.network.transport,
               static_cast<std::uint64_t>(scenario.seed)),
      cost_(scenario.cost.make({device_})) {
  layout_.start_at(static_cast<int>(first_gpu));
  if (scenario_.network.fidelity == Fidelity::pairwise)
    epochs_ = epochs_of(scenario_.cluster, scenario_.network.transport,
                        static_cast<std::uint64_t>(scenario_.seed));
  if (scenario_.network.collectives == CollectiveTimes::measured) measured_.emplace(device_.name);
  const auto seed = static_cast<std::uint64_t>(scenario.seed);
  check_batch_size(scenario, layout_, model_.architecture.moe, places.parallel);
  check_gathering(scenario, layout_, network_, places.parallel);
  // The memory check comes before the pools are sampled: a model that does not fit is refused at
  // once.
  const auto& moe = model_.architecture.moe;
  auto per_rank = slots_to_hold(model_.architecture, scenario.routing, scenario.parallel.expert);
  if (scenario.cache) {
    check_offloading(scenario, model_, places.cache);
    const auto shape = shape_of_rank(cache_shape(model_.architecture), scenario.parallel.expert);
    // Slots and buffers of all layers, spread evenly: the memory plan counts by layer.
    per_rank = (scenario.cache->total_slots(shape) + scenario.cache->staging + shape.layers - 1) /
               shape.layers;
  }
  check_swapping(given, places.parallel);
  check_expert_queues(scenario, places.parallel);
  check_two_batches(scenario, device_, places.parallel);
  check_drawn_layers(scenario, places.parallel);
  if (scenario.composition) check_composed(scenario, model_, places.composition);
  memory_ = plan_memory(model_.architecture, model_.precision, layout_, device_, per_rank,
                        scenario.engine.memory, places.model);
  load_trace();
  if (scenario.engine.prefix_caching.value_or(false))
    prefixes_ = PromptPrefixes(scenario, memory_, trace_, places.prefix_caching);
  const auto positions = model_.architecture.max_positions;
  longest_ = cache_of(memory_, scenario.engine.block_size).longest_request();
  if (const auto limit = scenario.engine.max_model_length.value_or(positions); limit > 0)
    longest_ = std::min(longest_, limit);
  if (longest_ < 2)
    throw InputError(places.model, fmt::format("{:.2f} GiB of KV memory hold not even two tokens",
                                               memory_.kv_capacity.value / (1 << 30)));
  check_some_request_fits(places.workload);
  moe_ =
      std::make_unique<MoeLayers>(model_.architecture, scenario.routing, scenario.parallel.expert,
                                  seed, scenario.cluster.node.node.gpus / layout_.moe_tensor());
  for (std::int64_t layer = 0; scenario.cache && layer < moe_->layers(); ++layer)
    if (!moe_->effect(layer).neutral())
      throw InputError(places.cache, fmt::format("an expert cache under router '{}', which changes "
                                                 "what a layer runs, is not simulated",
                                                 scenario.routing.router->type));
  totals_.link_bytes.assign(network_.links().size(), 0);
  totals_.expert_tokens.assign(static_cast<std::size_t>(moe_->layers()),
                               std::vector<double>(static_cast<std::size_t>(moe.experts), 0));
}

Serving::~Serving() = default;

// Requests that are too long fail one by one at their arrival; when none can run, there is nothing
// to simulate.
void Serving::check_some_request_fits(const Location& where) const {
  const auto lengths =
      trace_.empty()
          ? scenario_.workload.lengths->make({static_cast<std::uint64_t>(scenario_.seed)})
          : nullptr;
  std::int64_t shortest = -1;
  for (std::int64_t id = 0; id < requests(); ++id) {
    const auto tokens = tokens_of(id, lengths.get());
    const auto length = tokens.input + tokens.output;
    if (length <= longest_) return;
    if (shortest < 0 || length < shortest) shortest = length;
  }
  throw InputError(
      where,
      fmt::format("no request can be served: the shortest has {} tokens (input + output), the "
                  "longest that is served {} (positions of the model, max_model_length, KV memory)",
                  shortest, longest_));
}

void Serving::load_trace() {
  if (!scenario_.workload.trace) return;
  trace_ = read_trace(scenario_.workload.trace->path);
  const auto wanted =
      scenario_.workload.requests.value_or(static_cast<std::int64_t>(trace_.size()));
  if (wanted < static_cast<std::int64_t>(trace_.size()))
    trace_.resize(static_cast<std::size_t>(wanted));
}

std::int64_t Serving::requests() const {
  if (!trace_.empty()) return static_cast<std::int64_t>(trace_.size());
  return scenario_.workload.requests.value_or(kDefaultRequests);
}

EngineParts Serving::parts() const {
  return {model_.architecture,
          model_.precision,
          layout_,
          network_,
          *cost_,
          *moe_,
          scenario_.network,
          {scenario_.engine.host_time, scenario_.engine.launch_time,
           scenario_.engine.graph_max_batch, scenario_.engine.layer_time.value_or(Seconds(0)),
           scenario_.engine.sequence_time.value_or(Seconds(0)),
           scenario_.engine.asynchronous_scheduling.value_or(false),
           scenario_.engine.piecewise_graphs.value_or(false),
           scenario_.engine.experts_launch_time.value_or(Seconds(0)),
           scenario_.engine.graph_padding.value_or(0),
           scenario_.engine.graph_padding_up_to.value_or(0)},
          scenario_.engine.speculation ? scenario_.engine.speculation->draft_layers : 0,
          measured_ ? &*measured_ : nullptr,
          scenario_.engine.executor == Executor::event,
          scenario_.engine.drawn_layers.value_or(0),
          overlap()};
}

EngineParts::Overlap Serving::overlap() const {
  const auto& two = scenario_.engine.two_batch_overlap;
  if (!two) return {};
  const auto sms = static_cast<double>(device_.sms);
  return {true, sms / (sms - static_cast<double>(two->communication_sms))};
}

// A link is shared when two groups, or two pipeline stages, load it: they run at the same time.
std::vector<char> Serving::shared_links(std::vector<LockstepExecutor>& executors) const {
  std::vector<int> users(network_.links().size(), 0);
  if (scenario_.network.fidelity == Fidelity::aggregate &&
      executors.size() * layout_.stage_layers().size() > 2)
    for (auto& executor : executors)
      for (const auto& links : executor.links_by_stage())
        for (const int link : links) ++users[static_cast<std::size_t>(link)];
  std::vector<char> shared;
  for (const int n : users) shared.push_back(n > 1 ? 1 : 0);
  return shared;
}

std::vector<LockstepExecutor> Serving::make_executors() {
  std::vector<LockstepExecutor> executors;
  for (std::int64_t g = 0; g < layout_.groups(); ++g) executors.emplace_back(parts(), g, totals_);
  return executors;
}

void Serving::add_groups(Running& running, std::vector<LockstepExecutor>& executors,
                         const std::vector<char>& shared) {
  const auto& engine = scenario_.engine;
  const EngineGroup::Window window{scenario_.timeline.start,
                                   scenario_.timeline.start + scenario_.timeline.duration};
  for (auto& executor : executors) {
    std::vector<std::unique_ptr<Scheduler>> schedulers;
    Scheduler::Context context{engine.max_batched_tokens, engine.max_sequences};
    if (const auto* offload = executor.offloaded();
        offload != nullptr && scenario_.cache->by_request)
      context.next_expert = [offload](const Request& request) {
        return offload->first_choice(request.id, request.computed);
      };
    for (std::int64_t r = 0; r < layout_.data_per_group(); ++r)
      schedulers.push_back(engine.scheduler.make(context));
    executor.share(shared);
    auto cache = cache_of(memory_, engine.block_size);
    cache.keep_prefixes(prefixes_.block_tokens());
    const auto id = static_cast<std::int64_t>(running.groups.size());
    running.groups.emplace_back(id, running.simulation, std::move(executor), std::move(schedulers),
                                cache, scenario_.parallel.pipeline, window, running.observer);
    if (engine.results_after_launch.value_or(false)) running.groups.back().launch_first();
    if (engine.swap_bandwidth) running.groups.back().swap_over(*engine.swap_bandwidth);
    if (scenario_.composition)
      running.groups.back().compose(
          std::make_unique<Composition>(*scenario_.composition, composed_bytes(scenario_, model_),
                                        static_cast<std::uint64_t>(scenario_.seed)));
    if (engine.speculation)
      running.groups.back().speculate(engine.speculation->tokens,
                                      engine.speculation->acceptance_length);
    running.groups.back().stream(
        {engine.stream_interval, engine.stream_first, engine.stream_together.value_or(false)});
  }
}

void Serving::run(RunObserver& observer) {
  auto executors = make_executors();
  auto shared = shared_links(executors);
  std::vector<SharedLink> links;
  if (!epochs_.empty() || std::ranges::find(shared, 1) != shared.end())
    links = simulated_links(network_.links());

  const auto seed = static_cast<std::uint64_t>(scenario_.seed);
  if (scenario_.cache) offload_experts(executors, links);
  Decoding decoding;
  if (decode_) join_pools(executors, shared, links, decoding);
  Running running(links, observer);
  if (trace_.empty()) {
    running.arrivals = scenario_.workload.arrivals->make({seed});
    running.lengths = scenario_.workload.lengths->make({seed});
    if (const auto limit = running.arrivals->concurrency()) {
      running.closed_loop = true;
      running.vacancies = *limit;
    }
  }
  running.router = scenario_.engine.request_router.make({scenario_.parallel.data});
  add_groups(running, executors, shared);
  if (decode_) {
    decode_->add_groups(running, decoding.executors, decoding.shared);
  }
  if (!epochs_.empty()) flow_by_flow(running);
  if (decode_)
    running.handover = hand_over(running.simulation, running.groups,
                                 epochs_.empty() ? nullptr : &running.traffic.front());
  for (auto& group : running.groups) group.start([&](Request& request) { done(running, request); });
  running.simulation.spawn("arrivals", [&] { arrive(running); });
  if (has_front_end()) running.simulation.spawn("front end", [&] { pass_front_end(running); });
  running.simulation.run();

  if (running.done != requests())
    throw SimulationError(
        fmt::format("{} of {} requests were lost", requests() - running.done, requests()));
  simulated_ = running.simulation.now();
  if (scenario_.cache || scenario_.composition) expert_memory_.emplace();
  for (auto& group : running.groups)
    if (const auto* offload = group.executor().offloaded())
      *expert_memory_ += offload->counts();
    else if (const auto* models = group.composition())
      *expert_memory_ += models->counts();
  events_ = running.simulation.activities();
  if (decode_) {
    add_totals_of_decode();
    handover_ = running.handover->counts();
  }
  for (const auto& traffic : running.traffic) {
    const auto& bytes = traffic.link_bytes();
    for (std::size_t l = 0; l < std::min(bytes.size(), totals_.link_bytes.size()); ++l)
      totals_.link_bytes[l] += bytes[l];
    link_events_.insert(link_events_.end(), traffic.events().begin(), traffic.events().end());
  }
  if (prefixes_.block_tokens() > 0) prefix_counts_.emplace();
  for (const auto& group : running.groups)
    for (std::int64_t r = 0; r < group.ranks(); ++r) {
      preemptions_ += group.rank(r).preemptions;
      if (prefix_counts_) *prefix_counts_ += group.rank(r).prefixes;
      swapped_.out += r == 0 ? group.swapped().out : Bytes(0);
      swapped_.in += r == 0 ? group.swapped().in : Bytes(0);
      if (group.rank(r).cache.used().value > 0.5)
        throw SimulationError("KV memory is held after the last request");
    }
}

// Pools on one cluster share its traffic.
void Serving::flow_by_flow(Running& running) {
  running.traffic.emplace_back(running.simulation, epochs_, scenario_.cluster.links);
  if (decode_ && !same_links())
    running.traffic.emplace_back(running.simulation, decode_->epochs_,
                                 decode_->scenario_.cluster.links,
                                 static_cast<int>(network_.links().size()));
  for (auto& traffic : running.traffic) traffic.follow_conditions();
  const auto takers = static_cast<std::size_t>(layout_.groups());
  for (std::size_t g = 0; g < running.groups.size(); ++g)
    running.groups[g].flow_by_flow(g < takers ? running.traffic.front() : running.traffic.back());
}

void Serving::offload_experts(std::vector<LockstepExecutor>& executors,
                              std::vector<SharedLink>& links) const {
  const auto& cache = *scenario_.cache;
  const auto bytes =
      cache.expert_bytes.value_or(expert_bytes(model_.architecture, model_.precision));
  auto groups = offload_groups(cache, layout_, network_, *moe_, links);
  for (std::size_t g = 0; g < executors.size(); ++g)
    executors[g].offload(std::make_unique<ExpertOffload>(
        cache, model_.architecture, scenario_.routing, bytes,
        static_cast<std::uint64_t>(scenario_.seed), std::move(groups[g])));
}

void Serving::wake_all(Running& running) {
  for (auto& group : running.groups) group.wake();
}

// Engines are woken only when everything that arrives at this time is in their queues.
void Serving::arrive(Running& running) {
  for (std::int64_t id = 0; id < requests(); ++id) {
    if (running.closed_loop) {
      if (running.vacancies == 0) {
        wake_all(running);
        running.sender_waits = true;
        running.vacancy.acquire();
      }
      --running.vacancies;
    } else {
      const Seconds when =
          trace_.empty() ? running.arrivals->next() : trace_[static_cast<std::size_t>(id)].arrival;
      if (const Seconds now = running.simulation.now(); when > now) {
        wake_all(running);
        running.simulation.sleep_for(when - now);
      }
    }
    submit(running, id);
  }
  wake_all(running);
}

Lengths::Tokens Serving::tokens_of(std::int64_t request, const Lengths* lengths) const {
  if (lengths != nullptr) return lengths->at(request);
  const auto& row = trace_[static_cast<std::size_t>(request)];
  return {row.input, row.output};
}

void Serving::submit(Running& running, std::int64_t id) {
  auto& request = running.requests.emplace_back();
  const auto tokens = tokens_of(id, running.lengths.get());
  request.id = id;
  request.input = tokens.input;
  request.output = tokens.output;
  const auto& sharing = decode_ && prefixes_.block_tokens() == 0 ? *decode_ : *this;
  request.prefix.blocks = sharing.prefixes_.of(id, tokens.input);
  request.arrival = running.simulation.now();
  const bool too_long = tokens.input + tokens.output > longest_;
  if (has_front_end()) {
    running.accepted.push_back(too_long ? nullptr : &request);
    running.accepted_one.release();
  }
  if (too_long) {
    ++failed_;
    running.observer.on_failed(request);
    return done(running, request);
  }
  if (!has_front_end()) queue(running, request);
}

// One process takes requests in one after the other, so a burst is spread over time; prompts are
// cut into tokens side by side, on threads of their own.
void Serving::pass_front_end(Running& running) {
  for (std::int64_t i = 0; i < requests(); ++i) {
    running.accepted_one.acquire();
    Request* request = running.accepted.front();
    running.accepted.pop_front();
    if (request == nullptr) continue;
    if (scenario_.engine.request_time > Seconds(0))
      running.simulation.sleep_for(scenario_.engine.request_time);
    const auto enter = [this, &running, request] {
      queue(running, *request);
      wake_all(running);
    };
    const auto tokenize = scenario_.engine.token_time * static_cast<double>(request->input);
    if (tokenize <= Seconds(0)) {
      enter();
      continue;
    }
    running.simulation.spawn("tokenizer", [&running, tokenize, enter] {
      running.simulation.sleep_for(tokenize);
      enter();
    });
  }
}

void Serving::queue(Running& running, Request& request) {
  std::vector<RankLoad> loads;
  const auto taking = static_cast<std::size_t>(layout_.groups());
  const bool prompts = running.router->looks_at_prompts();
  for (std::size_t g = 0; g < taking; ++g)
    for (std::int64_t r = 0; r < running.groups[g].ranks(); ++r)
      loads.push_back(load_of(running.groups[g].rank(r), request, prompts));
  const auto rank = running.router->choose(request.id, loads);
  request.rank = static_cast<int>(rank);
  const auto per_group = layout_.data_per_group();
  running.groups[static_cast<std::size_t>(rank / per_group)].submit(rank % per_group, request);
}

void Serving::done(Running& running, Request&) {
  ++running.done;
  if (progress_) progress_(running.done, requests(), running.simulation.now());
  ++running.vacancies;
  if (running.sender_waits) {
    running.sender_waits = false;
    running.vacancy.release();
  }
  if (running.done == requests())
    for (auto& group : running.groups) group.close();
}

}  // namespace moesim
