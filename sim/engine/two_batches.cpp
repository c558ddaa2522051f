// Two-batch overlap: the layers run on two halves of the batch in turn, and while one half
// communicates the other computes (DeepSeek's dual micro-batches, open-infra-index day 6; SGLang's
// --enable-two-batch-overlap; vLLM's --enable-dbo). Every half is a chain of stretches, computation
// and communication in turn; computation and communication are one queue each, which take the
// stretches in order, the first half's before the second's. So a stretch of one half lies beside
// the one before it of the other half, and both take the longer of the two. Kernels of half the
// tokens cost what they cost; computation slows down by the SMs that communication takes. Not
// modelled: memory bandwidth that dispatch and combine take from computation.
#include <algorithm>
#include <utility>

#include "sim/engine/step_builder.hpp"

namespace moesim {
namespace {

/// Half of a batch: every other decoding sequence, and half of the prompt tokens, for which one
/// prompt is cut (SGLang's two-chunk split). A rank with one token computes another in the other
/// half, as one without requests does.
std::array<RankBatch, 2> halves_of(const RankBatch& batch) {
  std::array<RankBatch, 2> halves;
  std::int64_t prompt = 0, seen = 0;
  for (const auto& chunk : batch.chunks) prompt += chunk.decode() ? 0 : chunk.tokens;
  std::size_t decoding = 0;
  for (const auto& chunk : batch.chunks) {
    if (chunk.decode()) {
      halves[decoding++ % 2].add(chunk, false);
      continue;
    }
    const auto first = std::clamp<std::int64_t>((prompt + 1) / 2 - seen, 0, chunk.tokens);
    seen += chunk.tokens;
    if (first > 0) halves[0].add({first, chunk.context}, false);
    if (first < chunk.tokens) halves[1].add({chunk.tokens - first, chunk.context + first}, false);
  }
  for (auto& half : halves)
    if (half.chunks.empty() && !batch.chunks.empty()) half.add({1, 1}, false);
  return halves;
}

}  // namespace

bool StepBuilder::splits() const {
  return s_.parts.overlap.two_batches &&
         std::ranges::any_of(batches_, [](const RankBatch& batch) { return batch.tokens > 1; });
}

int StepBuilder::stretch_index(bool communication) {
  if (communication != halves_->communication) ++halves_->index;
  halves_->communication = communication;
  return halves_->index;
}

StepBuilder::Stretch& StepBuilder::stretch(bool communication) {
  const auto index = stretch_index(communication);
  auto& all = halves_->stretches;
  if (communication || all.empty() || all.back().half != halves_->half ||
      all.back().index != index) {
    auto& next = all.emplace_back();
    next.half = halves_->half;
    next.index = index;
    next.communication = communication;
  }
  return all.back();
}

void StepBuilder::overlapped_layers(std::int64_t& moe_layer) {
  std::array<std::vector<RankBatch>, 2> batches;
  for (const auto& batch : batches_) {
    const auto halves = halves_of(batch);
    for (std::size_t half = 0; half < 2; ++half) batches[half].push_back(halves[half]);
  }
  if (program_) start_program();
  halves_.emplace();
  const auto first_moe = moe_layer;
  const auto draw = draw_;
  for (std::size_t half = 0; half < 2; ++half) {
    halves_->half = static_cast<int>(half);
    halves_->index = 0;
    halves_->communication = false;
    draw_ = draw + (static_cast<std::uint64_t>(half) << 40);  // the second half chooses for itself
    moe_layer = first_moe;
    with_batches(std::move(batches[half]), [&] {
      for (auto i = stage_.first_layer; i < stage_.last_layer; ++i)
        layer(static_cast<int>(i), moe_layer);
      synchronise();
    });
  }
  draw_ = draw;
  auto stretches = std::move(halves_->stretches);
  halves_.reset();
  add_overlapped(std::move(stretches));
  if (program_) start_program();
}

Seconds StepBuilder::schedule(std::vector<Stretch>& stretches) {
  std::ranges::stable_sort(stretches, {},
                           [](const Stretch& s) { return std::pair(s.index, s.half); });
  std::array<Seconds, 2> half_free{}, queue_free{};
  for (auto& s : stretches) {
    auto& half = half_free[static_cast<std::size_t>(s.half)];
    auto& queue = queue_free[s.communication ? 1 : 0];
    s.start = std::max(half, queue);
    half = queue = s.start + s.time;
  }
  return std::max(half_free[0], half_free[1]);
}

// Of the phases that communicate, what no computation hides is accounted: so phases add up to the
// time of the step. A transfer over links that others use may last as long as its neighbour
// computes before it costs anything.
void StepBuilder::add_overlapped(std::vector<Stretch> stretches) {
  const Seconds all = schedule(stretches);
  Seconds computing(0), communicating(0);
  for (const auto& s : stretches) (s.communication ? communicating : computing) += s.time;
  const double exposed = communicating > Seconds(0) ? (all - computing) / communicating : 0;
  auto& segments = cost_.stages.back();
  Seconds covered(0);  // by segments, from the start of the layers
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    auto& s = stretches[i];
    const double share = s.communication ? exposed : 1;
    for (std::size_t p = 0; p < kPhases; ++p) cost_.phase_s[p] += share * s.phase_s[p];
    cost_.unmeasured_s += share * s.unmeasured_s;
    for (auto& span : s.spans) {
      span.start += clock_ + s.start;
      cost_.spans.push_back(span);
    }
    if (s.links.empty()) continue;
    const auto next =
        std::find_if(stretches.begin() + static_cast<std::ptrdiff_t>(i) + 1, stretches.end(),
                     [](const Stretch& later) { return later.communication; });
    const Seconds until = next == stretches.end() ? s.start + s.time : next->start;
    segments.back().busy += s.start + s.start_up - covered;
    segments.back().links = std::move(s.links);
    segments.back().alone = segments.back().links.at_least = until - s.start - s.start_up;
    segments.emplace_back();
    covered = until;
  }
  segments.back().busy += all - covered;
  clock_ += all;
}

}  // namespace moesim
