// The two integer programmes of MoETuner (arXiv 2502.06643), solved with CBC: experts of a layer to
// clusters of equal load, and clusters to GPUs so that the worst pair of GPUs carries as little
// time between two layers as possible. Exact up to `gap`. Not modelled: the paper's side constraint
// across layers (equal experts per GPU in total); here every layer fills every GPU's slots.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace moesim {

/// Cluster of every expert: `room` [clusters] experts each, least sum of |load - mean|.
std::vector<std::int32_t> balanced_clusters(std::span<const double> load,
                                            std::span<const std::int64_t> room, double gap);

/// GPU of every cluster, one each. `traffic` [GPUs of the layer before x clusters] tokens,
/// `cost` [GPUs x GPUs] seconds per token; least maximum over pairs of GPUs.
std::vector<std::int32_t> assign_clusters(std::span<const double> traffic,
                                          std::span<const double> cost, std::size_t gpus,
                                          double gap);

}  // namespace moesim
