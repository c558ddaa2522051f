// One model as moesim ships or imports it: its architecture, the precision its checkpoint has, and
// what its authors published about its size. Reads the YAML description
// (models/architecture/data/*.yaml); hugging_face.hpp reads a config.json; load_model() in
// catalog.hpp finds either by name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/architecture/architecture.hpp"
#include "models/architecture/precision.hpp"
#include "sim/core/node.hpp"

namespace moesim {

/// Which parameters a published "active" figure counts besides layers; model cards differ.
enum class ActiveCounts { kAll, kWithoutEmbedding, kWithoutEmbeddingAndHead };
/// "all", "without_embedding", "without_embedding_and_head".
const std::vector<std::string>& names_of(ActiveCounts);

/// What the authors say, to be tested against; the source is among the model's sources.
struct Published {
  double total_parameters = 0;
  std::optional<double> active_parameters;
  std::optional<double> active_rounding;  ///< the figure is rounded or cut to multiples of this
  ActiveCounts active_counts = ActiveCounts::kAll;
};

struct Model {
  Architecture architecture;
  Precision precision;
  std::vector<std::string> aliases;  ///< Hugging Face ids and other names
  std::optional<Published> published;
  std::vector<std::string> notes;  ///< what the figures leave out, for the reader
};

/// The description in `node`. Throws InputError at file:line:column for unknown, missing or
/// senseless figures.
Model read_model(const Node& node);

}  // namespace moesim
