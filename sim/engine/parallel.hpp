// The section `parallel` of a scenario and what it means for GPUs: tensor, data, expert and
// pipeline parallelism in every combination that divides. GPUs are numbered stage by stage, data
// rank by data rank, tensor rank by tensor rank.
//   expert <= tensor: every data rank is a replica of its own; its tensor ranks share the experts,
//   tensor / expert ranks
//     to each (expert 1: every expert is split over all tensor ranks). The sums are one all-reduce.
//   expert > tensor: expert / tensor data ranks form a lockstep group whose ranks each hold experts
//   / expert of them;
//     tokens travel by dispatch and combine, and idle ranks run dummy batches.
#pragma once

#include <cstdint>
#include <vector>

#include "models/architecture/architecture.hpp"
#include "sim/core/parameters.hpp"

namespace moesim {

struct ParallelConfig {
  std::int64_t tensor = 1, data = 1, expert = 1, pipeline = 1;
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
  std::int64_t data_per_group() const { return exchanges() ? d_.expert / d_.tensor : 1; }
  std::int64_t groups() const { return d_.data / data_per_group(); }
  /// Tokens travel between data ranks (dispatch and combine).
  bool exchanges() const { return d_.expert > d_.tensor; }
  /// Ranks that split each expert.
  std::int64_t moe_tensor() const { return exchanges() ? 1 : d_.tensor / d_.expert; }
  /// [pipeline + 1] first layer of every stage.
  const std::vector<std::int64_t>& stage_layers() const { return stage_layers_; }

 private:
  ParallelConfig d_;
  int first_gpu_ = 0;
  std::vector<std::int64_t> stage_layers_;
};

}  // namespace moesim
