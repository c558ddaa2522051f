// How many kernels a layer is, for the host time of steps that are no CUDA graph.
#pragma once

#include "models/architecture/architecture.hpp"
#include "models/architecture/precision.hpp"
#include "sim/engine/parallel.hpp"

namespace moesim {

/// Kernels that one GPU launches for a layer, as PyTorch implementations of the architecture run
/// it without compiler fusion: GEMMs, norms, rotary embedding, cache write, attention core,
/// activation, quantisation before every GEMM of 8 bits or less on quantised activations, routing,
/// permutation, collectives. What an engine fuses is in its time per launch.
std::int64_t layer_launches(const Architecture& model, const Precision& precision,
                            const ParallelConfig& degrees, bool moe);

/// Of a layer that is replayed as a CUDA graph but for its attention: that graph, and attention's
/// core, for latent attention with the up-projections, which TensorRT-LLM's MLA module runs with
/// it.
std::int64_t piecewise_launches(const Architecture& model, const Precision& precision);

/// Sequences of the CUDA graph that runs `sequences` of them: 1, 2, 4 or a multiple of `padding`, a
/// power of two beyond `linear_up_to` (0: multiples there too). vLLM: 8; TensorRT-LLM: 8 up to 128
/// (CudaGraphConfig); SGLang before 0.5.2: 8.
std::int64_t graph_size(std::int64_t sequences, std::int64_t padding, std::int64_t linear_up_to);

}  // namespace moesim
