// A fixed-width table: columns as wide as their widest cell, numbers to the right, one rule below
// the header. Counts code points, so it lines up for every script without wide characters.
#pragma once

#include <string>
#include <vector>

namespace moesim {

class TextTable {
 public:
  enum Side { kLeft, kRight };
  struct Column {
    std::string name;
    Side side = kRight;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// One cell per column.
  void add(std::vector<std::string> cells);
  /// Rows with `indent` spaces in front and no blanks at their ends. Empty without rows.
  std::string text(int indent = 2) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace moesim
