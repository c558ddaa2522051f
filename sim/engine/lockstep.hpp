// Executor `lockstep`: the ranks of a group advance layer by layer; a phase that ends in a
// collective ends with its slowest rank; phases are arithmetic over ranks, and SimGrid sees one
// activity per step unless other groups load the same links. One executor per lockstep group;
// cost() is called once per step. Not modelled: overlap of communication with computation, but for
// that of two halves of a batch (two_batches.cpp); contention of a group with itself.
#pragma once

#include <memory>
#include <vector>

#include "models/cost/cost_model.hpp"
#include "sim/engine/expert_offload.hpp"
#include "sim/engine/moe_layers.hpp"
#include "sim/engine/parallel.hpp"
#include "sim/engine/rank_compute.hpp"
#include "sim/engine/step.hpp"
#include "sim/transport/exchange.hpp"
#include "sim/transport/measured_collectives.hpp"

namespace moesim {

enum class Fidelity { analytic, aggregate, pairwise };
const std::vector<std::string>& names_of(Fidelity);

/// Where the time of a collective with its links to itself comes from.
enum class CollectiveTimes { links, measured };
const std::vector<std::string>& names_of(CollectiveTimes);

/// The section `network` of a scenario.
struct NetworkConfig {
  Fidelity fidelity = Fidelity::aggregate;
  CollectiveTimes collectives = CollectiveTimes::measured;
  Choice<Transport> transport{"spray"};
  Choice<Exchange> dispatch{"all-to-all"};
  std::optional<Dtype> dispatch_dtype;
  std::optional<Dtype> combine_dtype;
  static const Parameters<NetworkConfig>& parameters();
};

/// What all groups of a run have in common.
struct EngineParts {
  const Architecture& model;
  const Precision& precision;
  const Layout& layout;
  const Network& network;
  const CostModel& cost;
  MoeLayers& moe;
  const NetworkConfig& transport;
  /// What the host does around and in a step.
  struct Host {
    Seconds step;                      ///< of every step, not hidden
    Seconds launch;                    ///< of one kernel, without a CUDA graph
    std::int64_t graph_max_batch = 0;  ///< decode tokens of a rank that graphs were captured for
    Seconds layer{0};                  ///< of every layer, not hidden
    Seconds sequence{0};               ///< of every request in a rank's batch, likewise
    bool hidden = false;               ///< `step` and `sequence` pass while the GPU computes
    bool piecewise = false;            ///< other steps are CUDA graphs but for attention
    Seconds experts{0};                ///< to launch an MoE layer's experts, beside `launch`
    /// Graphs were captured for 1, 2, 4 sequences and multiples of `padding` (0: for every number),
    /// beyond `padding_up_to` (0: never) for powers of two.
    std::int64_t padding = 0, padding_up_to = 0;
  };
  Host host;
  std::int64_t draft_layers = 0;                  ///< layers that propose a token
  const MeasuredCollectives* measured = nullptr;  ///< null: times come from the links
  bool programs = false;  ///< steps also say what every rank does (executor `event`)
  /// MoE layers that a stage computes in a step that is not recorded: one drawn of every group of
  /// layers that are alike, in place of them all. 0: all.
  std::int64_t drawn_layers = 0;
  struct Overlap {
    bool two_batches = false;  ///< one half of the batch computes while the other communicates
    double slowdown = 1;       ///< of computation meanwhile, by the SMs that communication takes
  };
  Overlap overlap{};
};

/// Bytes over links and tokens over experts, summed over a run.
struct Totals {
  std::vector<double> link_bytes;  ///< as loaded, by link
  double payload_bytes = 0;
  std::vector<std::vector<double>> expert_tokens;  ///< [MoE layer][expert]
};

struct LockstepStage;

class LockstepExecutor {
 public:
  LockstepExecutor(const EngineParts& parts, std::int64_t group, Totals& totals);
  ~LockstepExecutor();
  LockstepExecutor(LockstepExecutor&&) noexcept;

  /// Cost of a step of the group's data ranks [data_per_group]; `step` names its random draws.
  /// `record`: fill spans.
  StepCost cost(std::span<const RankBatch> batches, std::uint64_t step, bool record);

  /// Links that a stage of the group can load, for finding out which ones are shared.
  std::vector<std::vector<int>> links_by_stage();
  /// Experts do not all fit in GPU memory: the group follows `offload`.
  void offload(std::unique_ptr<ExpertOffload> offload) { offload_ = std::move(offload); }
  /// Time that the next step waits for `bytes` of keys and values from host memory; they go behind
  /// the experts that are on their way over the same link.
  Seconds swap_in(Bytes bytes, BytesPerSecond bandwidth);
  const ExpertOffload* offloaded() const { return offload_.get(); }
  /// From now on, transfers over these links [links, 0 or 1] become shared segments.
  void share(const std::vector<char>& shared);

 private:
  void run_stage(std::size_t stage, std::span<const RankBatch> batches, std::uint64_t step,
                 bool record, const Migration& migration, StepCost& cost);
  /// Pauses in which requests optimise their routing (LayerEffect::pause_every_tokens).
  void add_pauses(std::span<const RankBatch> batches, std::uint64_t step, StepCost& cost);

  EngineParts parts_;
  std::uint64_t group_;
  Totals& totals_;
  RankCompute compute_;
  std::vector<LockstepStage> stages_;
  std::vector<char> shared_;
  std::unique_ptr<ExpertOffload> offload_;
  double pauses_ = 0;  ///< due, not yet taken
};

}  // namespace moesim
