#include "sim/core/csv.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <zlib.h>

#include "tests/core/error_text.hpp"
#include "tests/report/temporary_directory.hpp"

namespace moesim {
namespace {

using testing::error_text;

std::string parse_error(const std::string& text) {
  return error_text([&] { parse_csv(text, "t.csv"); });
}

TEST(Csv, FindsCellsByColumnNameAndRow) {
  const auto table = parse_csv("op,m,latency_us\ngemm,128,1.5e3\ncopy,-7,+0.25\n", "t.csv");
  ASSERT_EQ(table.rows(), 2U);
  EXPECT_EQ(table.columns, (std::vector<std::string>{"op", "m", "latency_us"}));
  EXPECT_EQ(table.cell(1, table.column("op")), "copy");
  EXPECT_EQ(table.integer(0, table.column("m")), 128);
  EXPECT_EQ(table.integer(1, table.column("m")), -7);
  EXPECT_EQ(table.number(0, table.column("latency_us")), 1500.0);
  EXPECT_EQ(table.number(1, 2), 0.25);
  EXPECT_EQ(table.find_column("n"), std::nullopt);
}

TEST(Csv, ReadsQuotesBlanksCarriageReturnsAndAUtf8Mark) {
  const auto table = parse_csv(
      "\xEF\xBB\xBF\"a, b\" , c\r\n\r\n \"say \"\"x\"\"\",  1 2\t\r\n\"\",\"\"\"\"\r\n", "t.csv");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"a, b", "c"}));
  ASSERT_EQ(table.rows(), 2U);
  EXPECT_EQ(table.cell(0, 0), "say \"x\"");
  EXPECT_EQ(table.cell(0, 1), "1 2");
  EXPECT_EQ(table.cell(1, 0), "");
  EXPECT_EQ(table.cell(1, 1), "\"");
}

TEST(Csv, AMovedTableKeepsItsCells) {
  auto table = parse_csv("a\n1\n", "t.csv");  // short enough to live inside the string object
  const auto moved = std::move(table);
  EXPECT_EQ(moved.cell(0, 0), "1");
}

TEST(Csv, SaysWhereACellStands) {
  const auto table = parse_csv("a,b\n\n1, \"x\"\n", "t.csv");
  EXPECT_EQ(table.where(0, 0), "t.csv:3:1");
  EXPECT_EQ(table.where(0, 1), "t.csv:3:5");
  EXPECT_EQ(to_string(table.header_at(1)), "t.csv:1:3");
}

TEST(Csv, RefusesCellsThatAreNoNumber) {
  const auto table = parse_csv("a,bc\n1x,\nnan,1.5\n1e999,99999999999999999999\n", "t.csv");
  const auto number = [&](std::size_t row, std::size_t column) {
    return error_text([&] { table.number(row, column); });
  };
  const auto integer = [&](std::size_t row, std::size_t column) {
    return error_text([&] { table.integer(row, column); });
  };
  EXPECT_EQ(number(0, 0), "t.csv:2:1: column 'a': expected a number, found '1x'");
  EXPECT_EQ(number(0, 1), "t.csv:2:4: column 'bc': expected a number, found an empty cell");
  EXPECT_EQ(number(1, 0), "t.csv:3:1: column 'a': expected a number, found 'nan'");
  EXPECT_EQ(integer(1, 1), "t.csv:3:5: column 'bc': expected a whole number, found '1.5'");
  EXPECT_NE(number(2, 0), "");
  EXPECT_NE(integer(2, 1), "");
}

TEST(Csv, SuggestsTheNearestColumn) {
  const auto table = parse_csv("num_tokens,latency\n1,2\n", "t.csv");
  EXPECT_EQ(error_text([&] { table.column("num_token"); }),
            "t.csv:1:1: no column 'num_token'; did you mean 'num_tokens'? (valid: num_tokens, "
            "latency)");
}

TEST(Csv, RefusesWhatIsNoTable) {
  EXPECT_EQ(parse_error(""), "t.csv:1:1: empty table: no header");
  EXPECT_EQ(parse_error("\n \n"), "t.csv:1:1: empty table: no header");
  EXPECT_EQ(parse_error("a,b,a\n"), "t.csv:1:5: the column 'a' is there twice");
  EXPECT_EQ(parse_error("a,b\n1,2\n3\n"), "t.csv:3:1: 1 cell, but the header has 2");
  EXPECT_EQ(parse_error("a,b\n1,2,3\n"), "t.csv:2:5: 3 cells, but the header has 2");
  EXPECT_EQ(parse_error("a,b\n1,\"2\n3,4\"\n"),
            "t.csv:2:3: the quote of this cell does not end on its line");
  EXPECT_EQ(parse_error("a\n\"1\"2\n"),
            "t.csv:2:4: only a comma can follow the quote that ends a cell");
}

TEST(Csv, ATableMayHaveNoRows) { EXPECT_EQ(parse_csv("a,b", "t.csv").rows(), 0U); }

TEST(Csv, ReadsCompressedFiles) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.file("t.csv.gz");
  gzFile file = gzopen(path.c_str(), "wb");
  gzputs(file, "a\n7\n");
  gzclose(file);
  EXPECT_EQ(read_csv(path).integer(0, 0), 7);
}

TEST(Csv, WhatIsWrittenIsReadBack) {
  EXPECT_TRUE(rc::check([](const std::vector<std::string>& cells) {
    std::string header = "first", row = "x";
    std::vector<std::string> kept;
    for (const auto& cell : cells) {
      const bool plain = cell.find_first_of(std::string("\r\n\0", 3)) == std::string::npos;
      if (!plain) continue;  // a cell ends on its line
      header += fmt::format(",c{}", kept.size());
      row += "," + csv_cell("<" + cell + ">");  // blanks at the ends do not count
      kept.push_back("<" + cell + ">");
    }
    const auto table = parse_csv(header + "\n" + row + "\n", "t.csv");
    RC_ASSERT(table.rows() == 1U);
    for (std::size_t i = 0; i < kept.size(); ++i) RC_ASSERT(table.cell(0, i + 1) == kept[i]);
  }));
}

}  // namespace
}  // namespace moesim
