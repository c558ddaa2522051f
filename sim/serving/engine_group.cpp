#include "sim/serving/engine_group.hpp"

#include <algorithm>
#include <utility>

#include "sim/core/error.hpp"
#include "sim/engine/step_program.hpp"

namespace moesim {

EngineGroup::EngineGroup(std::int64_t id, Simulation& simulation, LockstepExecutor executor,
                         std::vector<std::unique_ptr<Scheduler>> schedulers, const KvCache& cache,
                         std::int64_t stages, const Window& recorded, RunObserver& observer)
    : id_(id),
      simulation_(simulation),
      executor_(std::move(executor)),
      schedulers_(std::move(schedulers)),
      ranks_(schedulers_.size(), RankState(cache)),
      stages_(stages),
      recorded_(recorded),
      observer_(observer),
      carrier_{simulation},
      awake_(simulation.semaphore()),
      batches_(schedulers_.size()) {}

void EngineGroup::start(std::function<void(Request&)> on_done) {
  on_done_ = std::move(on_done);
  if (stages_ > 1)
    for (std::int64_t s = 0; s < stages_; ++s) queues_.push_back({{}, simulation_.semaphore()});
  simulation_.spawn("engine " + std::to_string(id_), [this] { run(); });
  for (std::size_t s = 0; s < queues_.size(); ++s)
    simulation_.spawn("engine " + std::to_string(id_) + " stage " + std::to_string(s),
                      [this, s] { run_stage(s); });
}

void EngineGroup::submit(std::int64_t rank, Request& request) {
  if (models_)
    models_->arrive(request);
  else
    state(rank).waiting.push_back(&request);
  queued_ = true;
}

bool EngineGroup::reserve(std::int64_t rank, Request& request) {
  auto& cache = state(rank).cache;
  const auto there = cache.take(request.prefix, request.computed);
  if (cache.grow(there, request.computed)) return true;
  cache.free(there, request.prefix);
  return false;
}

void EngineGroup::release(std::int64_t rank, std::int64_t tokens, KvPrefix prefix) {
  state(rank).cache.free(tokens, prefix);
  queued_ = true;
  wake();
}

void EngineGroup::resume(std::int64_t rank, Request& request) {
  state(rank).cache.share(request.prefix, request.computed);
  state(rank).running.push_back(&request);
  queued_ = true;
  wake();
}

void EngineGroup::let_go() {
  --held_;
  queued_ = true;
  wake();
}

void EngineGroup::close() {
  closed_ = queued_ = true;
  wake();
}

void EngineGroup::wake() {
  if (!idle_ || !queued_ || held_ > 0) return;
  idle_ = queued_ = false;
  awake_.release();
}

void EngineGroup::run() {
  std::shared_ptr<Step> step;
  while (true) {
    if (models_) admit();
    if (!step && in_flight_ < stages_ && held_ == 0) step = next_step();
    if (!step) {
      if (closed_ && !busy()) break;
      idle_ = true;
      awake_.acquire();
      continue;
    }
    ++in_flight_;
    const auto begun = std::exchange(step, nullptr);
    if (stages_ > 1) {
      queues_.front().steps.push_back(begun);
      queues_.front().filled.release();
      continue;
    }
    execute(begun->cost, 0);
    if (!launches_first_) {
      complete(begun);
      continue;
    }
    if (unanswered_) answer(*std::exchange(unanswered_, nullptr));
    advance(*begun);
    if (after_step_) after_step_();
    if (held_ == 0) step = next_step();
    answer_when_launched(begun, step.get());
  }
  if (queues_.empty()) return;
  auto end = std::make_shared<Step>();
  end->closing = true;
  queues_.front().steps.push_back(end);
  queues_.front().filled.release();
}

void EngineGroup::run_stage(std::size_t stage) {
  while (true) {
    queues_[stage].filled.acquire();
    const auto step = queues_[stage].steps.front();
    queues_[stage].steps.pop_front();
    if (!step->closing) execute(step->cost, stage);
    if (stage + 1 < queues_.size()) {
      queues_[stage + 1].steps.push_back(step);
      queues_[stage + 1].filled.release();
    } else if (!step->closing) {
      complete(step);
      queued_ = true;
      wake();
    }
    if (step->closing) return;
  }
}

void EngineGroup::admit() {
  auto& only = ranks_.front();
  const bool idle = only.waiting.empty() && only.running.empty();
  const auto loading = models_->admit(simulation_.now(), idle, only.waiting);
  if (loading > Seconds(0)) simulation_.sleep_for(loading);
}

void EngineGroup::swap_over(BytesPerSecond bandwidth) {
  swap_bandwidth_ = bandwidth;
  for (auto& rank : ranks_) rank.swaps = true;
}

/// Tokens of the part that come from host memory instead of being computed.
std::int64_t EngineGroup::swap_in(RankState& rank, const Scheduled& part) {
  Request& request = *part.request;
  const auto back = std::clamp<std::int64_t>(request.swapped - part.context, 0, part.tokens);
  if (back == 0) return 0;
  coming_back_ += rank.cache.need(part.context + back) - rank.cache.need(part.context);
  if (part.context + back == request.swapped) request.swapped = 0;
  return back;
}

/// Both directions of the link at a time; the step waits for what it needs and for the memory that
/// it fills. Other GPUs behind the same switch contend with what comes in.
Segment EngineGroup::swap() {
  Bytes out(0);
  for (auto& rank : ranks_) out += std::exchange(rank.swapped_out, Bytes(0));
  const auto in = std::exchange(coming_back_, Bytes(0));
  Segment segment;
  if (out + in <= Bytes(0)) return segment;
  swapped_.out += out;
  swapped_.in += in;
  const auto arrival = executor_.swap_in(in, *swap_bandwidth_);
  const auto* offload = executor_.offloaded();
  if (offload != nullptr && in > Bytes(0)) segment.links.shared = offload->others(in);
  segment.busy = std::max(out / *swap_bandwidth_ - arrival, Seconds(0));
  (segment.links.empty() ? segment.busy : segment.alone) += arrival;
  return segment;
}

std::shared_ptr<EngineGroup::Step> EngineGroup::next_step() {
  auto step = std::make_shared<Step>();
  step->scheduled.resize(ranks_.size());
  auto& event = step->event;
  bool work = false;
  for (auto& scheduler : schedulers_) scheduler->see_group(ranks_);
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    auto& scheduled = step->scheduled[r];
    schedulers_[r]->schedule(ranks_[r], scheduled);
    batches_[r].clear();
    for (auto& part : scheduled) {
      Request& request = *part.request;
      request.in_flight = true;
      part.verifies = drafted_ > 0 && part.emits && part.tokens == 1 && request.generated > 0;
      if (request.first_scheduled < Seconds(0)) request.first_scheduled = simulation_.now();
      if (std::exchange(request.handed_over, false) && !stream_.together)
        request.first_token = request.last_token = simulation_.now();
      const auto drafted = part.verifies ? drafted_ : 0;
      const auto back = request.swapped > 0 ? swap_in(ranks_[r], part) : 0;
      if (back < part.tokens)
        batches_[r].add({part.tokens - back + drafted, part.context + back, drafted, request.id},
                        part.emits);
      (part.context >= request.input ? event.decode_tokens : event.prefill_tokens) += part.tokens;
      work = true;
    }
    event.running += static_cast<std::int64_t>(ranks_[r].running.size());
    event.waiting += std::ssize(ranks_[r].waiting);
    event.kv_used_fraction = std::max(event.kv_used_fraction, ranks_[r].cache.used_fraction());
  }
  if (!work) return nullptr;
  for (auto& batch : batches_)
    if (batch.chunks.empty()) batch.add({1, 1}, true);  // a dummy batch keeps the rank in step
  event.group = id_;
  event.start = simulation_.now();
  const bool record = event.start >= recorded_.start && event.start < recorded_.end;
  Segment swapping;
  if (swap_bandwidth_) swapping = swap();
  step->cost = executor_.cost(batches_, steps_, record);
  step->number = ++steps_;
  const auto waited = swapping.busy + swapping.alone;
  if (waited > Seconds(0)) {
    auto& segments = step->cost.stages.front();
    segments.insert(segments.begin(), swapping);
    if (!step->cost.programs.empty()) {
      auto& program = step->cost.programs.front().front();
      Activity wait;
      wait.queue = Queue::copy;
      wait.ranks = program.ranks;
      wait.start_up = swapping.busy;
      wait.alone = swapping.alone;
      wait.links = swapping.links;
      program.activities.insert(program.activities.begin(), std::move(wait));
    }
    step->cost.phase_s[static_cast<std::size_t>(Phase::host)] += waited.value;
  }
  return step;
}

void EngineGroup::execute(const StepCost& cost, std::size_t stage) {
  if (!cost.programs.empty()) {
    for (const auto& program : cost.programs[stage]) run_program(carrier_, program);
    return;
  }
  for (const auto& segment : cost.stages[stage]) {
    if (segment.busy > Seconds(0)) simulation_.sleep_for(segment.busy);
    if (!segment.links.empty()) carrier_.carry(segment.links, segment.alone);
  }
}

void EngineGroup::complete(const std::shared_ptr<Step>& step) {
  advance(*step);
  answer(*step);
  if (after_step_) after_step_();
}

/// Requests are as the step leaves them; those that leave are out of the next one.
void EngineGroup::advance(Step& step) {
  --in_flight_;
  step.event.duration = simulation_.now() - step.event.start;
  step.event.cost = &step.cost;
  if (step.event.duration < Seconds(0)) throw SimulationError("time going back over a step");
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    auto& rank = ranks_[r];
    bool left = false;
    for (const auto& part : step.scheduled[r]) {
      Request& request = *part.request;
      request.in_flight = false;
      request.computed += part.tokens;
      rank.cache.share(request.prefix, request.computed);
      if (!part.emits) continue;
      generate(request);
      if (part.verifies) accept_drafted(rank, request);
      left = left || leaves(request);
    }
    if (!left) continue;
    std::erase_if(rank.running, [&](const Request* request) { return leaves(*request); });
    for (const auto& part : step.scheduled[r]) {
      if (!leaves(*part.request)) continue;
      step.leaving.push_back(part.request);
      if (part.request->finished()) rank.cache.free(part.request->computed, part.request->prefix);
    }
  }
}

/// Tokens go to clients, requests to where they run on.
void EngineGroup::answer(const Step& step) {
  const Seconds now = simulation_.now();
  for (const auto& scheduled : step.scheduled)
    for (const auto& part : scheduled)
      if (part.emits) respond(*part.request, step.number, now);
  for (auto* request : step.leaving) {
    if (!request->finished()) {
      on_prefilled_(*request);
      continue;
    }
    observer_.on_finished(*request);
    on_done_(*request);
  }
  observer_.on_step(step.event);
}

/// The host began to launch this step when the one before it had ended, and goes on with `next`;
/// then it looks at this one's tokens.
void EngineGroup::answer_when_launched(const std::shared_ptr<Step>& step, const Step* next) {
  const auto launching = next == nullptr ? Seconds(0) : next->cost.launch;
  const auto wait = step->event.start + step->cost.launch + launching - simulation_.now();
  if (launching <= Seconds(0) || wait <= Seconds(0)) return answer(*step);
  unanswered_ = step;
  simulation_.spawn("results", [this, step, wait] {
    simulation_.sleep_for(wait);
    if (unanswered_ != step) return;
    unanswered_ = nullptr;
    answer(*step);
  });
}

void EngineGroup::accept_drafted(RankState& rank, Request& request) {
  request.accepted += acceptance_length_ - 1;
  while (request.accepted >= 1 && !request.finished() &&
         rank.cache.grow(request.computed, request.computed + 1)) {
    request.accepted -= 1;
    ++request.computed;
    generate(request);
  }
}

void EngineGroup::generate(Request& request) {
  if (request.computed != request.length())
    throw SimulationError("a token came out before its context was computed");
  ++request.generated;
}

void EngineGroup::respond(Request& request, std::uint64_t step, Seconds now) {
  ++request.steps;
  const bool own = request.steps % stream_.interval == 0 || (stream_.first && request.steps == 1);
  const bool shared = step % static_cast<std::uint64_t>(stream_.interval) == 0;
  const bool due = request.finished() || (stream_.together ? shared : own);
  if (!due) return;
  if (request.delivered == 0) {
    request.first_token = request.last_token = now;
    ++request.delivered;
  }
  for (; request.delivered < request.generated; ++request.delivered) {
    observer_.on_token_gap(now - request.last_token);
    request.last_token = now;
  }
  request.last_token = now;
}

}  // namespace moesim
