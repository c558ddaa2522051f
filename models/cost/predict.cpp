#include "models/cost/predict.hpp"

#include <algorithm>

#include "models/cost/compute_format.hpp"
#include "sim/core/portable_math.hpp"

namespace moesim {
namespace {

Prediction corrected(double time_s, bool measured, bool residual, const Residual& left) {
  if (!residual) return {Seconds(time_s), CostTier::fit, measured};
  return {Seconds(time_s * quick_exp(left.log_ratio)), CostTier::residual, measured || left.inside};
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
  const auto w = experts_work(work, load);
  const double time_s = fit.form.time_s(w, peaks);
  const bool measured = fit.hidden.holds(static_cast<double>(work.hidden)) &&
                        fit.intermediate.holds(static_cast<double>(work.intermediate)) &&
                        fit.local.holds(w.local) &&
                        fit.assigned.holds(static_cast<double>(load.assigned));
  return corrected(time_s, measured, residual, residual ? fit.residual.at(work, load) : Residual{});
}

Prediction predict(const AttentionFit<PrefillForm>& fit, const Peaks& peaks,
                   const AttentionShape& shape, const AttentionLoad& load, bool residual) {
  const auto work = prefill_work(shape, load, fit.form.small_tile);
  const auto chunks = prefill_chunks(load);
  const double time_s = fit.form.time_s(work, peaks);
  const bool measured = fit.heads.holds(static_cast<double>(shape.heads)) &&
                        fit.batch.holds(chunks.batch) && fit.length.holds(chunks.keys);
  // The grid is of sequences without a prefix; of a chunk behind one it knows the share of its own
  // tokens.
  auto left = residual
                  ? fit.residual.at(shape.heads, shape.kv_heads, chunks.grid_batch(), chunks.keys)
                  : Residual{};
  left.log_ratio *= chunks.queries / chunks.keys;
  return corrected(time_s, measured, residual, left);
}

Prediction predict(const AttentionFit<DecodeForm>& fit, const Peaks& peaks,
                   const AttentionShape& shape, const AttentionLoad& load, bool residual) {
  const auto work = decode_work(shape, load);
  const auto sequences = decode_sequences(load);
  const double time_s = fit.form.time_s(work, peaks);
  const bool measured = fit.heads.holds(static_cast<double>(shape.heads)) &&
                        fit.batch.holds(sequences.batch) && fit.length.holds(sequences.length);
  return corrected(
      time_s, measured, residual,
      residual ? fit.residual.at(shape.heads, shape.kv_heads, sequences.batch, sequences.length)
               : Residual{});
}

}  // namespace moesim
