#include "models/cost/predict.hpp"

#include <algorithm>

#include "models/cost/compute_format.hpp"
#include "models/cost/quick_math.hpp"

namespace moesim {
namespace {

Prediction corrected(double time_s, bool measured, bool residual, const Residual& left) {
  if (!residual) return {Seconds(time_s), CostTier::fit, measured};
  return {Seconds(time_s * quick_exp(left.log_ratio)), CostTier::residual, measured || left.inside};
}

/// Permute reads tokens and writes rows, combine the other way round.
Seconds around_s(const std::vector<ElementwiseFit>& around, const Peaks& peaks,
                 const ExpertWork& work, std::int64_t assigned) {
  if (around.empty()) return {};
  // Of the tokens of a whole group at most one per row comes here.
  const double bytes =
      moved_around(std::min(work.tokens, assigned), assigned, work.hidden, work.activation);
  double time_s = 0;
  for (const auto& kernel : around) time_s += kernel.form.time_s({bytes}, peaks);
  return Seconds(time_s);
}

/// MLA has one latent cache for all heads; its tables count as many KV heads as heads.
std::int64_t grid_kv_heads(const AttentionShape& shape) {
  return shape.kind == AttentionKind::kMultiHeadLatent ? shape.heads
                                                       : std::max<std::int64_t>(1, shape.kv_heads);
}

}  // namespace

Peaks peaks_of(const Device& device, Dtype math) {
  return {compute_rate(device, math).value, device.memory_bandwidth.value,
          static_cast<double>(device.sms)};
}

Prediction predict(const GemmFit& fit, const Peaks& peaks, const Gemm& gemm, bool residual) {
  const auto work = gemm_work(gemm);
  const double time_s = fit.form.time_s(work, peaks);
  const bool measured = fit.m.holds(work.m) && fit.n.holds(work.n) && fit.k.holds(work.k);
  return corrected(time_s, measured, residual,
                   residual ? fit.residual.at(gemm.m, gemm.n, gemm.k) : Residual{});
}

Prediction predict(const ExpertsFit& fit, const Peaks& peaks, const ExpertWork& work,
                   bool residual) {
  const auto load = expert_load(work.tokens_per_expert, fit.form.tile);
  if (load.assigned == 0) return {};
  auto w = experts_work(work, load);
  if (!fit.around.empty()) {
    // Tables of the products alone know rows, no tokens; see calibrate/suite.cpp.
    w.token_bytes =
        bytes_of(work.activation) * 2 * static_cast<double>(load.assigned * work.hidden);
  }
  const double time_s = fit.form.time_s(w, peaks);
  const bool measured = fit.hidden.holds(static_cast<double>(work.hidden)) &&
                        fit.intermediate.holds(static_cast<double>(work.intermediate)) &&
                        fit.local.holds(w.local) &&
                        fit.assigned.holds(static_cast<double>(load.assigned));
  auto products =
      corrected(time_s, measured, residual, residual ? fit.residual.at(work, load) : Residual{});
  products.time += around_s(fit.around, peaks, work, load.assigned);
  return products;
}

Prediction predict(const SequentialExpertsFit& fit, const Peaks& peaks, const ExpertWork& work,
                   bool residual) {
  const auto curve = std::ranges::find_if(fit.curves, [&](const ExpertCurve& c) {
    return c.hidden == work.hidden && c.intermediate == work.intermediate;
  });
  const bool by_curve = residual && curve != fit.curves.end();
  ExpertWork one = work;
  double time_s = 0;
  bool measured = by_curve || (fit.hidden.holds(static_cast<double>(work.hidden)) &&
                               fit.intermediate.holds(static_cast<double>(work.intermediate)));
  std::int64_t assigned = 0;
  for (const std::int32_t rows : work.tokens_per_expert) {
    if (rows == 0) continue;
    assigned += rows;
    measured = measured && (by_curve ? curve->holds(rows) : fit.rows.holds(rows));
    if (by_curve) {
      time_s += curve->at(rows);
      continue;
    }
    one.tokens = rows;
    one.tokens_per_expert = std::span(&rows, 1);
    time_s += fit.form.time_s(experts_work(one, expert_load(one.tokens_per_expert, fit.form.tile)),
                              peaks);
  }
  if (assigned == 0) return {};
  return {Seconds(time_s) + around_s(fit.around, peaks, work, assigned),
          by_curve ? CostTier::residual : CostTier::fit, measured};
}

Prediction predict(const AttentionFit<PrefillForm>& fit, const Peaks& peaks,
                   const AttentionShape& shape, const AttentionLoad& load, bool residual) {
  const auto work = prefill_work(shape, load, fit.form);
  const auto chunks = prefill_chunks(load);
  const double time_s = fit.form.time_s(work, peaks);
  const bool measured = fit.heads.holds(static_cast<double>(shape.heads)) &&
                        fit.batch.holds(chunks.batch) && fit.length.holds(chunks.keys);
  // The grid is of sequences without a prefix; of a chunk behind one it knows the share of its own
  // tokens.
  auto left = residual ? fit.residual.at(shape.heads, grid_kv_heads(shape), chunks.grid_batch(),
                                         chunks.keys)
                       : Residual{};
  left.log_ratio *= chunks.queries / chunks.keys;
  return corrected(time_s, measured, residual, left);
}

Prediction predict(const AttentionFit<DecodeForm>& fit, const Peaks& peaks,
                   const AttentionShape& shape, const AttentionLoad& load, bool residual) {
  const auto work = decode_work(shape, load, fit.form);
  const auto sequences = decode_sequences(load);
  const double time_s = fit.form.time_s(work, peaks);
  const bool measured = fit.heads.holds(static_cast<double>(shape.heads)) &&
                        fit.batch.holds(sequences.batch) && fit.length.holds(sequences.length);
  return corrected(time_s, measured, residual,
                   residual ? fit.residual.at(shape.heads, grid_kv_heads(shape), sequences.batch,
                                              sequences.length)
                            : Residual{});
}

}  // namespace moesim
