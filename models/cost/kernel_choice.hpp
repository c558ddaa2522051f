// Which of the kernels that a library has for one number format runs a layer of experts: the one
// predicted to be fastest for the layer's shape and number of rows, as an autotuner or a dispatch
// table would choose. On a B200 TensorRT-LLM's two MXFP4 kernels differ by a factor of 4 and its
// NVFP4 kernels by 2 to 4 (tables of 1.3.0rc20). Kernels that were measured on the shape come
// before those that were not. Chosen once for each family and power of two of rows, on evenly
// spread rows: skew does not change the choice.
#pragma once

#include <span>

#include "models/cost/profile.hpp"

namespace moesim {

class KernelChoice {
 public:
  /// `fits` serve one format and are not empty; `peaks` are those of the format.
  const ExpertsFit& of(std::span<const ExpertsFit* const> fits, const Peaks& peaks,
                       const ExpertWork& work) const;

 private:
  struct Chosen {
    Dtype weight;
    ExpertsResidual::Family family;
    int rows_log2;
    const ExpertsFit* fit;
  };
  mutable std::vector<Chosen> chosen_;
};

}  // namespace moesim
