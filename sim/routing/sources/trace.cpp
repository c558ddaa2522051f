// Recorded choices: a CSV (plain or gzip) with one token per row and one column per MoE layer,
// named l1, l2, ... in order; a cell holds the token's expert ids separated by spaces; other
// columns (seq, pos) are ignored. Tokens are drawn in a random but fixed order: a batch mixes many
// sequences, so neighbouring tokens of one sequence must not stay together.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <string_view>

#include "sim/core/csv.hpp"
#include "sim/core/input_path.hpp"
#include "sim/core/random.hpp"
#include "sim/routing/choice_source.hpp"

namespace moesim {
namespace {

class Trace final : public ChoiceSource {
 public:
  struct Config {
    InputPath file;
    static const Parameters<Config>& parameters() {
      static const auto list = Parameters<Config>().required(
          "file", &Config::file, "CSV of recorded choices, one column l1, l2, ... per MoE layer",
          "sim/routing/sources/example_choices.csv");
      return list;
    }
  };

  Trace(const Config& config, const Context& context) : file_(config.file.path), context_(context) {
    const auto table = read_csv(file_);
    const auto columns = layer_columns(table);
    layers_.resize(columns.size());
    for (std::size_t row = 0; row < table.rows(); ++row)
      for (std::size_t layer = 0; layer < columns.size(); ++layer)
        read_cell(table.cell(row, columns[layer]), table.at(row, columns[layer]), layer);
    if (layers_.empty() || layers_.front().empty())
      throw InputError(Location{file_, 2, 1}, "the trace has no tokens");
    shuffle();
  }

  Choices sample(std::int64_t layer, std::int64_t tokens, Router&) override {
    const auto& recorded = layers_[static_cast<std::size_t>(layer)];
    const auto k = static_cast<std::size_t>(context_.top_k);
    const auto used = std::min(static_cast<std::size_t>(tokens), order_.size());
    Choices choices{context_.top_k, {}};
    choices.experts.reserve(used * k);
    for (std::size_t t = 0; t < used; ++t)
      choices.experts.insert(choices.experts.end(),
                             recorded.begin() + static_cast<std::ptrdiff_t>(order_[t] * k),
                             recorded.begin() + static_cast<std::ptrdiff_t>((order_[t] + 1) * k));
    return choices;
  }

 private:
  std::vector<std::size_t> layer_columns(const CsvTable& table) const {
    std::vector<std::size_t> columns;
    for (std::size_t i = 0; i < table.columns.size(); ++i)
      if (table.columns[i] == "l" + std::to_string(columns.size() + 1)) columns.push_back(i);
    if (static_cast<std::int64_t>(columns.size()) != context_.moe_layers)
      throw InputError(
          Location{file_, 1, 1},
          fmt::format("the trace has {} layer columns (l1, l2, ...), the model has {} MoE layers",
                      columns.size(), context_.moe_layers));
    return columns;
  }

  void read_cell(std::string_view cell, Location where, std::size_t layer) {
    auto& ids = layers_[layer];
    const auto first = ids.size();
    while (!cell.empty()) {
      if (cell.front() == ' ') {
        cell.remove_prefix(1);
        ++where.column;
        continue;
      }
      std::int64_t id = -1;
      const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), id);
      if (error != std::errc())
        throw InputError(where, fmt::format("'{}' is not an expert id", cell));
      if (id < 0 || id >= context_.experts)
        throw InputError(
            where, fmt::format("expert {} does not exist: the model has {}", id, context_.experts));
      const auto expert = static_cast<std::uint16_t>(id);
      if (std::find(ids.begin() + static_cast<std::ptrdiff_t>(first), ids.end(), expert) !=
          ids.end())
        throw InputError(where, fmt::format("expert {} is chosen twice by one token", id));
      ids.push_back(expert);
      where.column += static_cast<int>(end - cell.data());
      cell.remove_prefix(static_cast<std::size_t>(end - cell.data()));
    }
    if (static_cast<std::int64_t>(ids.size() - first) != context_.top_k)
      throw InputError(where, fmt::format("{} experts in a cell, the model chooses {}",
                                          ids.size() - first, context_.top_k));
  }

  void shuffle() {
    order_.resize(layers_.front().size() / static_cast<std::size_t>(context_.top_k));
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    const RandomStream stream(context_.seed, stream_id("trace order"));
    for (std::size_t i = order_.size() - 1; i > 0; --i)
      std::swap(order_[i], order_[stream.below(i, i + 1)]);
  }

  std::string file_;
  Context context_;
  std::vector<std::vector<std::uint16_t>> layers_;  ///< [layer][tokens x top_k]
  std::vector<std::size_t> order_;
};

const Register<ChoiceSource, Trace> registered("trace",
                                               "recorded choices of every token, from a CSV file");

}  // namespace
}  // namespace moesim
