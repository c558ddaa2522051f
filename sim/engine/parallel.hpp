// The section `parallel` of a scenario and what it means for GPUs: tensor, data, expert and
// pipeline parallelism in every combination that divides. GPUs are numbered stage by stage, data
// rank by data rank, tensor rank by tensor rank.
//   expert <= tensor: every data rank is a replica of its own; its tensor ranks share the experts,
//   tensor / expert ranks
//     to each (expert 1: every expert is split over all tensor ranks). The sums are one all-reduce.
//   expert > tensor: expert / tensor data ranks form a lockstep group whose ranks each hold experts
//   / expert of them;
//     tokens travel by dispatch and combine, and idle ranks run dummy batches.
//   moe_tensor: ranks that split each expert, where that is not tensor / expert: expert x
//   moe_tensor ranks hold every expert once.
//     More than `tensor` of them are a lockstep group of data ranks that run each other's tokens:
//     all of them are gathered before the experts and the sums scattered after, as TensorRT-LLM
//     does with enable_attention_dp and moe_tensor_parallel_size, SGLang with --enable-dp-attention
//     and vLLM with data parallelism, each without expert parallelism.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/architecture/architecture.hpp"
#include "sim/core/parameters.hpp"

namespace moesim {

struct ParallelConfig {
  std::int64_t tensor = 1, data = 1, expert = 1, pipeline = 1;
  std::optional<std::int64_t> moe_tensor = {};
  /// Ranks that split each expert, for degrees that divide.
  std::int64_t expert_split() const {
    return moe_tensor.value_or(expert < tensor ? tensor / expert : 1);
  }
  /// Tokens travel between data ranks.
  bool exchanges() const { return expert * expert_split() > tensor; }
  static const Parameters<ParallelConfig>& parameters();
};

class Layout {
 public:
  /// Throws InputError with the arithmetic when the degrees do not divide the model or exceed the
  /// cluster's GPUs. `where`: the section, for the error.
  Layout(const ParallelConfig& degrees, const Architecture& model, std::int64_t redundant_experts,
         std::int64_t cluster_gpus, const Location& where);

  const ParallelConfig& degrees() const { return d_; }
  int gpus() const { return static_cast<int>(d_.tensor * d_.data * d_.pipeline); }
  int gpu(std::int64_t stage, std::int64_t data, std::int64_t tensor) const {
    return first_gpu_ + static_cast<int>((stage * d_.data + data) * d_.tensor + tensor);
  }
  /// GPU `first` of the cluster is the first of this layout: others lie before it.
  void start_at(int first) { first_gpu_ = first; }
  /// Data ranks that advance in step, and how many such groups there are.
  std::int64_t data_per_group() const {
    return exchanges() ? d_.expert * moe_tensor() / d_.tensor : 1;
  }
  std::int64_t groups() const { return d_.data / data_per_group(); }
  /// Tokens travel between data ranks (dispatch and combine).
  bool exchanges() const { return d_.exchanges(); }
  /// Ranks that split each expert.
  std::int64_t moe_tensor() const { return d_.expert_split(); }
  /// Data ranks split experts: every one of them needs the tokens of all.
  bool gathers_tokens() const { return exchanges() && moe_tensor() > 1; }
  /// [pipeline + 1] first layer of every stage.
  const std::vector<std::int64_t>& stage_layers() const { return stage_layers_; }

 private:
  ParallelConfig d_;
  int first_gpu_ = 0;
  std::vector<std::int64_t> stage_layers_;
};

}  // namespace moesim
