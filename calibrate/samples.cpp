#include "calibrate/samples.hpp"

#include <algorithm>

namespace moesim {

ExpertWork ExpertsSample::work() const {
  ExpertWork work;
  work.hidden = hidden;
  work.intermediate = intermediate;
  work.gated = gated;
  work.weight = format.weight;
  work.activation = activation_of(format.weight);
  work.tokens = tokens;
  work.tokens_per_expert = tokens_per_expert;
  work.experts = experts;
  work.topk = topk;
  return work;
}

AttentionLoad AttentionSample::load() const {
  const double sequences = static_cast<double>(batch), keys = static_cast<double>(length);
  const double seen = window > 0 ? std::min(keys, static_cast<double>(window)) : keys;
  AttentionLoad load;
  if (decode) {
    load.decode_sequences = batch;
    load.decode_context = sequences * seen;
    return load;
  }
  const double before = static_cast<double>(context);
  load.prefill_sequences = batch;
  load.prefill_tokens = sequences * keys;
  load.prefill_pairs = sequences * (seen * (seen + 1) / 2 + (keys - seen) * seen + keys * before);
  load.prefill_context = sequences * (keys + before);
  return load;
}

}  // namespace moesim
