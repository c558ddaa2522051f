#include "sim/cli/serving_measurements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace moesim {
namespace {

struct Cell {
  std::string_view text;
  int column = 1;
};

/// The table has no quotes: its texts hold no commas.
std::vector<Cell> split(std::string_view line) {
  std::vector<Cell> cells;
  for (std::size_t start = 0; start <= line.size();) {
    const auto end = std::min(line.find(',', start), line.size());
    cells.push_back({line.substr(start, end - start), static_cast<int>(start) + 1});
    start = end + 1;
  }
  return cells;
}

/// One row by column name.
class Row {
 public:
  Row(const std::vector<Cell>& header, const std::vector<Cell>& cells, const Location& where)
      : header_(header), cells_(cells), where_(where) {}

  std::string text(std::string_view name) const { return std::string(cell(name).text); }

  /// 0 when the cell is empty.
  std::int64_t count(std::string_view name) const {
    std::int64_t value = 0;
    const auto& c = cell(name);
    if (!c.text.empty() && (!parse(c.text, value) || value < 0)) refuse(c, name, "a count");
    return value;
  }

  double positive(std::string_view name) const {
    double value = 0;
    const auto& c = cell(name);
    if (!parse(c.text, value) || !std::isfinite(value) || value <= 0)
      refuse(c, name, "a positive number");
    return value;
  }

 private:
  template <class T>
  static bool parse(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  }

  const Cell& cell(std::string_view name) const {
    const auto at = std::ranges::find(header_, name, &Cell::text);
    if (at == header_.end())
      throw InputError({where_.file, 1, 1}, fmt::format("the column '{}' is missing", name));
    return cells_[static_cast<std::size_t>(at - header_.begin())];
  }

  [[noreturn]] void refuse(const Cell& c, std::string_view name, const char* wanted) const {
    throw InputError({where_.file, where_.line, c.column},
                     fmt::format("'{}' in column '{}' is not {}", c.text, name, wanted));
  }

  const std::vector<Cell>& header_;
  const std::vector<Cell>& cells_;
  const Location& where_;
};

ServingMeasurement measurement(const Row& row, const Location& where) {
  ServingMeasurement m;
  m.where = where;
  m.id = row.text("id");
  m.source = row.text("silicon_data_source");
  m.backend = row.text("backend");
  m.model_path = row.text("model_path");
  m.system = row.text("system");
  m.precision = row.text("precision");
  m.mode = row.text("mode");
  m.gemm_format = row.text("gemm_quant_mode");
  m.moe_format = row.text("moe_quant_mode");
  m.input_tokens = row.count("isl");
  m.output_tokens = row.count("osl");
  m.batch = row.count("batch_size");
  m.tensor = row.count("tp_size");
  m.pipeline = row.count("pp_size");
  m.attention_data = row.count("attention_dp_size");
  m.moe_tensor = row.count("moe_tp_size");
  m.moe_expert = row.count("moe_ep_size");
  m.ttft_s = row.positive("silicon_ttft_ms") * 1e-3;
  m.tpot_s = row.positive("silicon_tpot_ms") * 1e-3;
  return m;
}

}  // namespace

std::vector<ServingMeasurement> parse_serving_measurements(std::string_view text,
                                                           const std::string& file) {
  std::vector<ServingMeasurement> all;
  std::vector<Cell> header;
  Location where{file, 0, 1};
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find('\n', start), text.size());
    auto line = text.substr(start, end - start);
    if (line.ends_with('\r')) line.remove_suffix(1);
    start = end + 1;
    ++where.line;
    if (line.empty()) continue;
    const auto cells = split(line);
    if (header.empty()) {
      header = cells;
      continue;
    }
    if (cells.size() != header.size())
      throw InputError(where,
                       fmt::format("{} cells, the header has {}", cells.size(), header.size()));
    all.push_back(measurement(Row(header, cells, where), where));
  }
  if (all.empty()) throw InputError(file + ": no measurements in it");
  return all;
}

}  // namespace moesim
