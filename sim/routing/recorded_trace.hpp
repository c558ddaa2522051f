// Recorded choices of experts, token by token: what a router really did. Reads, plain or gzip,
//   CSV with one token per row, columns l1, l2, ... per MoE layer (and `seq`: its sequence);
//   CSV `Layer ID,Batch Number,Token,Activated Expert IDs`, one row per layer and token;
//   JSON, a list of steps, each a map layer -> list of tokens -> list of expert ids (0: prefill);
//   JSONL, rows with layer, batch_id, origin_rows and topk_experts.
// Contract: every token has the same number of distinct experts in every layer; anything else is an
// InputError at file:line:column (or the step, layer and token of a JSON list). Not kept: gate
// weights.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace moesim {

/// What a trace must have; 0: as recorded (experts: the largest id + 1).
struct TraceShape {
  std::int64_t moe_layers = 0, experts = 0, top_k = 0;
};

struct RecordedTrace {
  std::string file;
  std::int64_t experts = 0, top_k = 0;
  /// Sequence of every token, numbered from 0 in order of appearance; a sequence's tokens keep
  /// their order. The JSON list of steps is one sequence.
  std::vector<std::int32_t> sequence;
  std::vector<std::vector<std::uint16_t>> by_layer;  ///< [MoE layer][tokens x top_k]

  std::int64_t tokens() const { return static_cast<std::int64_t>(sequence.size()); }
  std::int64_t layers() const { return static_cast<std::int64_t>(by_layer.size()); }
  std::span<const std::uint16_t> choices(std::int64_t layer, std::int64_t token) const {
    const auto k = static_cast<std::size_t>(top_k);
    return std::span(by_layer[static_cast<std::size_t>(layer)])
        .subspan(static_cast<std::size_t>(token) * k, k);
  }
};

RecordedTrace read_recorded_trace(const std::string& path, const TraceShape& shape = {});
/// The same from text; `file` is the name in errors.
RecordedTrace parse_recorded_trace(std::string text, const std::string& file,
                                   const TraceShape& shape = {});

}  // namespace moesim
