// The parameters of the forms as a profile writes them.
#include "models/cost/forms.hpp"

namespace moesim {

const Parameters<ExpertsForm>& ExpertsForm::parameters() {
  static const auto list =
      Parameters<ExpertsForm>()
          .optional("floor_s", &ExpertsForm::floor_s, "time of next to no work [s]")
          .min(0)
          .optional("per_expert_s", &ExpertsForm::per_expert_s, "per expert on the rank [s]")
          .min(0)
          .optional("compute", &ExpertsForm::compute, "share of peak FLOP/s")
          .above(0)
          .optional("memory", &ExpertsForm::memory, "share of peak bandwidth reading weights")
          .above(0)
          .optional("row_memory", &ExpertsForm::row_memory,
                    "share of peak bandwidth moving assigned rows")
          .above(0)
          .optional("token_memory", &ExpertsForm::token_memory,
                    "share of peak bandwidth moving entering tokens")
          .above(0)
          .optional("norm", &ExpertsForm::norm, "exponent of the p-norm of compute and memory")
          .min(1)
          .optional("tile", &ExpertsForm::tile, "rows an expert's tokens are padded to")
          .min(1);
  return list;
}

const Parameters<GemmForm>& GemmForm::parameters() {
  static const auto list =
      Parameters<GemmForm>()
          .optional("floor_s", &GemmForm::floor_s, "time of next to no work [s]")
          .min(0)
          .optional("compute", &GemmForm::compute, "share of peak FLOP/s")
          .above(0)
          .optional("memory", &GemmForm::memory, "share of peak bandwidth")
          .above(0)
          .optional("norm", &GemmForm::norm, "exponent of the p-norm of compute and memory")
          .min(1)
          .optional("tile_exponent", &GemmForm::tile_exponent,
                    "how the rate falls with the area of a tile")
          .min(0);
  return list;
}

const Parameters<PrefillForm>& PrefillForm::parameters() {
  static const auto list =
      Parameters<PrefillForm>()
          .optional("floor_s", &PrefillForm::floor_s, "time of next to no work [s]")
          .min(0)
          .optional("compute", &PrefillForm::compute, "share of peak FLOP/s")
          .above(0)
          .optional("memory", &PrefillForm::memory, "share of peak bandwidth")
          .above(0)
          .optional("norm", &PrefillForm::norm, "exponent of the p-norm of compute and memory")
          .min(1)
          .optional("tile", &PrefillForm::tile, "queries of a tile")
          .min(16)
          .max(128)
          .optional("small_tile", &PrefillForm::small_tile,
                    "queries of a tile where a chunk has at most 64")
          .min(16)
          .max(128);
  return list;
}

const Parameters<DecodeForm>& DecodeForm::parameters() {
  static const auto list =
      Parameters<DecodeForm>()
          .optional("floor_s", &DecodeForm::floor_s, "time of next to no work [s]")
          .min(0)
          .optional("compute", &DecodeForm::compute, "share of peak FLOP/s")
          .above(0)
          .optional("memory", &DecodeForm::memory, "share of peak bandwidth")
          .above(0)
          .optional("half_parallelism", &DecodeForm::half_parallelism,
                    "(sequence, KV head, split) units that reach half the bandwidth")
          .min(0)
          .optional("per_head_s", &DecodeForm::per_head_s, "per sequence and KV head [s]")
          .min(0)
          .optional("norm", &DecodeForm::norm, "exponent of the p-norm of compute and memory")
          .min(1)
          .optional("tile", &DecodeForm::tile, "tokens that a sequence's cache is padded to")
          .min(1)
          .optional("split", &DecodeForm::split, "cached tokens that make a unit of their own")
          .min(1);
  return list;
}

const Parameters<StreamForm>& StreamForm::parameters() {
  static const auto list =
      Parameters<StreamForm>()
          .optional("floor_s", &StreamForm::floor_s, "time of next to no work [s]")
          .min(0)
          .optional("memory", &StreamForm::memory, "share of peak bandwidth")
          .above(0);
  return list;
}

}  // namespace moesim
