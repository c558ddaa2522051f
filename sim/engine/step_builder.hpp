// Builds the cost of one pipeline stage of one step, layer by layer. Internal to the lockstep
// executor.
#pragma once

#include <map>
#include <optional>
#include <string_view>

#include "sim/engine/lockstep.hpp"

namespace moesim {

struct StageFlows;

struct ModelLayer {
  int index = 0;
  std::int64_t moe_layer = 0;  ///< MoE layers before it
};

/// What a stage of a group needs in every step: its GPUs as groups, and its exchange.
struct LockstepStage {
  std::int64_t first_layer = 0, last_layer = 0;  ///< [first, last)
  std::int64_t first_moe = 0;                    ///< MoE layers before this stage
  std::vector<std::int64_t> windows;             ///< of its layers' attention, every one once
  bool has_dense = false, has_moe = false;       ///< layers
  /// The layers in groups that are alike; empty: every step computes all of them.
  std::vector<std::vector<ModelLayer>> alike;
  std::vector<Group> tensor_groups;     ///< of every data rank
  std::unique_ptr<Group> expert_group;  ///< ranks that exchange tokens; null: they do not
  std::unique_ptr<Exchange> exchange;
  std::vector<std::vector<double>> rank_probability,
      node_probability;  ///< [MoE layer of the stage][part]
  std::vector<int> first_gpu,
      next_gpu;  ///< tensor rank 0 of every data rank, here and in the next stage (or empty)
  std::unique_ptr<Transfer> scratch;
  std::unique_ptr<Transfer> collective;  ///< the tensor collective that all layers of a step have
  std::unique_ptr<StageFlows> flows;     ///< null: no link of the stage is shared
};

/// Flows from GPU to GPU on every link, of each kind of transfer that a stage has in every step.
struct StageFlows {
  explicit StageFlows(const Network& network)
      : exchange(network), tensor(network), pipeline(network) {}
  Transfer exchange, tensor, pipeline;
};

/// The layers [first, last), each in one group: the dense ones by attention window, the first MoE
/// layer alone (it waits for what the ranks did before it), the other MoE layers by window in about
/// `drawn` - 1 groups of neighbours.
std::vector<std::vector<ModelLayer>> alike_layers(const Architecture& model, std::int64_t first,
                                                  std::int64_t last, std::int64_t drawn);
LockstepStage make_stage(const EngineParts& parts, std::int64_t group, std::int64_t stage);
std::unique_ptr<StageFlows> stage_flows(const EngineParts& parts, const LockstepStage& stage);
/// Anew, after experts have moved.
void update_probabilities(const EngineParts& parts, LockstepStage& stage);

class StepBuilder {
 public:
  struct Shared {
    const EngineParts& parts;
    const RankCompute& compute;
    const std::vector<char>& shared_links;
    Totals& totals;
    ExpertOffload* offload;  ///< null: every expert is in GPU memory
  };

  StepBuilder(const Shared& shared, LockstepStage& stage, int stage_index,
              std::span<const RankBatch> batches, std::uint64_t draw, bool record, StepCost& cost);
  /// Weights that move before the step. With pipeline stages all of them are charged on the first.
  void migrate(const Migration& migration);
  void run();

 private:
  using TensorCollective = void (*)(const Network&, const Group&, double, Transfer&);
  /// Times of a data rank that are the same in every layer of a kind.
  struct RankTimes {
    std::map<std::int64_t, Time> attention;  ///< by window
    Time norms, router, shared, dense, lm_head;
  };
  /// What a data rank has done since the last synchronisation.
  struct Pending {
    std::array<double, kPhases> phase_s{};
    Seconds total{0}, unmeasured{0};
    std::vector<PhaseSpan> spans;
  };

  void compute_rank_times();
  /// Tokens of every data rank with the rows that pad them to the next captured CUDA graph. All
  /// ranks run the graph that holds the fullest one.
  void pad();
  void local(Phase phase, int layer, std::size_t rank, const Time& full_speed);
  /// Of computation, while another half communicates.
  double slowdown() const { return halves_ ? s_.parts.overlap.slowdown : 1; }
  void synchronise();
  void wait_for_host(Seconds time);
  /// What the host does between two steps.
  Seconds around_step() const;
  /// What the draft runs after the step to propose the tokens of the next one.
  void draft(std::int64_t moe_layer);
  /// Runs `block` with other batches in place of the step's.
  template <class Block>
  void with_batches(std::vector<RankBatch> batches, Block block) {
    const auto whole = batches_;
    const auto tokens = tokens_;
    auto times = std::move(times_);
    auto rows = std::move(rows_);
    batches_ = batches;
    tokens_ = 0;
    for (const auto& batch : batches_) tokens_ += batch.tokens;
    loaded_ = nullptr;
    times_.clear();
    compute_rank_times();
    block();
    batches_ = whole;
    loaded_ = nullptr;
    tokens_ = tokens;
    times_ = std::move(times);
    rows_ = std::move(rows);
  }
  // Two-batch overlap (two_batches.cpp):
  /// Of the layers of a half, what one queue does without a break, or one transfer.
  struct Stretch {
    int half = 0, index = 0;  ///< index: as Activity::stretch
    bool communication = false;
    Seconds time{0};
    Seconds start_up{0};  ///< of a transfer
    OnLinks links;        ///< of a transfer
    std::array<double, kPhases> phase_s{};
    double unmeasured_s = 0;
    std::vector<PhaseSpan> spans;  ///< from the start of the stretch
    Seconds start{0};              ///< from the start of the layers
  };
  struct Halves {
    int half = 0, index = 0;
    bool communication = false;  ///< what the stretch `index` is
    std::vector<Stretch> stretches;
  };
  /// The ranks have enough tokens for two batches.
  bool splits() const;
  void overlapped_layers(std::int64_t& moe_layer);
  /// The index of what comes next in a half.
  int stretch_index(bool communication);
  /// Where the time of a half goes instead of the clock.
  Stretch& stretch(bool communication);
  void start_program();
  /// When every stretch starts; the time of all.
  static Seconds schedule(std::vector<Stretch>& stretches);
  void add_overlapped(std::vector<Stretch> stretches);
  /// Whether the step is replayed as a CUDA graph.
  bool captured() const;
  /// Of the host, to launch what one GPU of this stage computes in a step that is no CUDA graph.
  Seconds launch_time() const;
  /// All ranks for the same time, each for itself.
  void busy(Phase phase, int layer, const Time& time);
  /// The sums of a phase that all ranks leave together.
  void account(Phase phase, int layer, const Time& time, bool communication = false);
  void add_activity(Activity activity);
  void program_own(Phase phase, int layer, int first_rank, std::vector<Seconds> times);
  void program_joint(Phase phase, int layer, int first_rank, int ranks, Seconds latency,
                     Seconds alone, OnLinks links);
  /// What the scratch transfer does beside others.
  OnLinks on_links() const;
  OnLinks flows_of(const Transfer& transfer) const;
  /// A tensor collective of every data rank for itself, unless they meet on a link.
  void program_tensor_collective(Phase phase, int layer, TensorCollective collective);
  void communicate(Phase phase, int layer);
  void communicate(Phase phase, int layer, bool program);
  /// The transfer takes at least as long as this operation was measured to take.
  void take_measured(std::string_view operation, const Group& group, double bytes,
                     double tokens = 0, const TokenShape& shape = {});
  void record_span(Phase phase, int layer, Seconds start, Seconds duration);

  void layer(int index, std::int64_t& moe_layer);
  /// One drawn layer of every group that are alike, in place of all of them.
  void drawn_layers(std::int64_t& moe_layer);
  /// A layer once, its time and traffic counted `count` times.
  void layer_for(const ModelLayer& which, std::int64_t count);
  void repeat_segments(std::size_t first, Seconds busy, std::int64_t times);
  /// The layer for a share of the tokens only.
  void partial_layer(int index, std::int64_t moe_layer, double share);
  void attention_block(int index);
  void dense_block(int index);
  void moe_block(int index, std::int64_t moe_layer);
  void offloaded_experts(int index, std::int64_t moe_layer);
  void share_wait(Seconds wait, std::span<const std::vector<LinkBytes>> loads);
  void program_offloaded(int index, std::span<const ExpertMemory::LayerTime> times,
                         std::span<const std::vector<LinkBytes>> waited_for);
  void expert_round(int index, std::int64_t moe_layer, std::int64_t round);
  void shared_experts(int index);
  void balance_batch(int index);
  Seconds move_weights(std::span<const ExpertMove> moves);
  void exchange(Phase phase, int layer, std::int64_t moe_layer);
  void tensor_collective(Phase phase, int layer, TensorCollective collective);
  /// Into the scratch transfer: of all data ranks, and one more.
  void joint_tensor_transfer(TensorCollective collective);
  void add_tensor_transfer(std::size_t rank, TensorCollective collective);
  ExpertWork expert_work(std::span<const std::int32_t> tokens_per_expert) const;
  /// Tokens of the group that reach a rank.
  std::int64_t entering_tokens(std::int64_t moe_layer, std::int64_t rank,
                               const ExpertWork& work) const;
  void run_experts(int index, std::int64_t moe_layer);
  void count(std::int64_t moe_layer);
  void send_to_next_stage();

  double bytes(std::int64_t tokens, Dtype dtype) const;
  Dtype dispatch_dtype() const;
  std::int64_t tensor() const { return s_.parts.layout.degrees().tensor; }

  Shared s_;
  LockstepStage& stage_;
  int stage_index_;
  std::span<const RankBatch> batches_;
  std::uint64_t draw_;
  bool record_;
  StepCost& cost_;
  double weight_ = 1;             ///< layers that the one at work stands for, on links and experts
  bool program_;                  ///< cost_.programs wants its last entry filled
  std::optional<Halves> halves_;  ///< while the layers of a half are built
  std::vector<std::int64_t> rows_;  ///< [data ranks] see pad()
  std::vector<RankTimes> times_;
  std::vector<Pending> pending_, pending_before_;  ///< before the layer: see layer_for()
  std::vector<double> exchanged_;                  ///< tokens of every rank, see exchange()
  std::int64_t tokens_ = 0;                        ///< of all data ranks
  std::int64_t expert_tokens_ = 0;  ///< of those, the ones that reach the routed experts
  Seconds clock_{0};                ///< from the start of the stage, without contention
  Seconds offload_seen_{0};         ///< of clock_, by the offload's own
  ExpertLoads loads_;
  TensorCollective loaded_ = nullptr;  ///< what stage_.collective holds for these batches
};

}  // namespace moesim
