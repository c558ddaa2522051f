#include "sim/routing/recorded_trace.hpp"

#include <fmt/format.h>

#include "sim/core/csv.hpp"
#include "sim/core/text_file.hpp"
#include "sim/routing/trace_builder.hpp"

namespace moesim {
namespace {

/// `Layer ID,Batch Number,Token,Activated Expert IDs`: one row per layer and token.
void read_long_csv(const CsvTable& table, TraceBuilder& builder) {
  const auto layer = table.column("Layer ID"), batch = table.column("Batch Number"),
             token = table.column("Token"), ids = table.column("Activated Expert IDs");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto at =
        builder.token(table.integer(row, batch), table.integer(row, token), table.at(row, token));
    builder.add(at, table.integer(row, layer), table.cell(row, ids), table.at(row, ids));
  }
}

std::vector<std::size_t> layer_columns(const CsvTable& table, std::int64_t expected) {
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (table.columns[i] == "l" + std::to_string(columns.size() + 1)) columns.push_back(i);
  if (columns.empty())
    throw InputError(Location{table.file, 1, 1},
                     "no recorded choices: expected the columns l1, l2, ... (one per MoE layer), "
                     "or 'Layer ID', 'Batch Number', 'Token' and 'Activated Expert IDs'");
  if (expected > 0 && static_cast<std::int64_t>(columns.size()) != expected)
    throw InputError(
        Location{table.file, 1, 1},
        fmt::format("the trace has {} layer columns (l1, l2, ...), the model has {} MoE layers",
                    columns.size(), expected));
  return columns;
}

void read_wide_csv(const CsvTable& table, const TraceShape& shape, TraceBuilder& builder) {
  const auto columns = layer_columns(table, shape.moe_layers);
  const auto sequence = table.find_column("seq");
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto token = builder.append(sequence ? table.integer(row, *sequence) : 0,
                                      table.at(row, columns.front()));
    for (std::size_t layer = 0; layer < columns.size(); ++layer)
      builder.add(token, static_cast<std::int64_t>(layer), table.cell(row, columns[layer]),
                  table.at(row, columns[layer]));
  }
}

}  // namespace

RecordedTrace parse_recorded_trace(std::string text, const std::string& file,
                                   const TraceShape& shape) {
  TraceBuilder builder(file, shape);
  const auto first = text.find_first_not_of(" \t\r\n");
  const char kind = first == std::string::npos ? ' ' : text[first];
  if (kind == '[') {
    read_json_steps(text, file, builder);
  } else if (kind == '{') {
    read_json_rows(text, file, builder);
  } else {
    const auto table = parse_csv(std::move(text), file);
    if (table.find_column("Activated Expert IDs"))
      read_long_csv(table, builder);
    else
      read_wide_csv(table, shape, builder);
  }
  return builder.finish(Location{file, 1, 1});
}

RecordedTrace read_recorded_trace(const std::string& path, const TraceShape& shape) {
  return parse_recorded_trace(read_text_file(path), path, shape);
}

}  // namespace moesim
