#include "sim/report/text_table.hpp"

#include <algorithm>
#include <cassert>

#include "sim/report/text.hpp"

namespace moesim {

void TextTable::add(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::string TextTable::text(int indent) const {
  if (rows_.empty()) return "";
  std::vector<std::size_t> widths;
  std::vector<std::string> names;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    names.push_back(columns_[c].name);
    widths.push_back(text_width(columns_[c].name));
    for (const auto& row : rows_) widths[c] = std::max(widths[c], text_width(row[c]));
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text(static_cast<std::size_t>(indent), ' ');
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const std::string pad(widths[c] - text_width(cells[c]), ' ');
      if (c > 0) text += "  ";
      text += columns_[c].side == kLeft ? cells[c] + pad : pad + cells[c];
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  if (std::any_of(names.begin(), names.end(), [](const auto& name) { return !name.empty(); })) {
    line(names);
    std::size_t width = 2 * (columns_.size() - 1);
    for (const auto w : widths) width += w;
    out += std::string(static_cast<std::size_t>(indent), ' ') + std::string(width, '-') + "\n";
  }
  for (const auto& row : rows_) line(row);
  return out;
}

}  // namespace moesim
