// The attention and elementwise programs as a user calls them.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/attention_decode.hpp"
#include "kernels/attention_prefill.hpp"
#include "kernels/elementwise.hpp"

namespace moesim::kernels {
namespace {

struct Outcome {
  int exit_code = -1;
  std::vector<std::string> lines;
};

Outcome call(const std::string& program, const std::string& arguments) {
  const std::string command =
      "'" + (std::filesystem::path(MOESIM_KERNELS_DIR) / program).string() + "' " + arguments;
  Outcome outcome;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return outcome;
  std::string text;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    text.append(buffer, n);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) outcome.lines.push_back(line);
  return outcome;
}

struct Program {
  std::string name;
  std::vector<std::string> columns;
};

std::vector<Program> programs() {
  return {{"attention_decode", decode_columns()},
          {"attention_decode_mla", decode_columns()},
          {"attention_prefill", prefill_columns()},
          {"elementwise", elementwise_columns()}};
}

/// The header is that of the operation, keys are unique, and times are in order and above a
/// nanosecond.
void expect_table(const Program& program, const std::vector<std::string>& lines) {
  ASSERT_GT(lines.size(), 2U) << program.name;
  std::string header;
  for (const auto& column : program.columns) header += (header.empty() ? "" : ",") + column;
  EXPECT_EQ(lines[0], header);
  std::size_t l2 = 0;
  while (program.columns.at(l2) != "l2") ++l2;
  std::set<std::string> keys;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    std::vector<std::string> cells;
    std::istringstream row(lines[i]);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    ASSERT_GT(cells.size(), l2 + 5) << lines[i];
    std::string key;
    for (std::size_t k = 0; k <= l2; ++k) key += cells[k] + ',';
    EXPECT_TRUE(keys.insert(key).second) << lines[i];
    const double latency_us = std::stod(cells[l2 + 1]);
    EXPECT_LE(std::stod(cells[l2 + 2]), latency_us) << lines[i];
    EXPECT_GE(std::stod(cells[l2 + 4]), latency_us) << lines[i];
    EXPECT_GT(latency_us, 1e-3) << lines[i];
  }
}

TEST(AttentionPrograms, MeasureInShortModeOnTheCpu) {
  for (const Program& program : programs()) {
    const Outcome outcome = call(program.name + "_cpu", "--short");
    EXPECT_EQ(outcome.exit_code, 0) << program.name;
    expect_table(program, outcome.lines);
    EXPECT_EQ(call(program.name + "_cpu", "--short --max-mib 0.001 2>&1").exit_code, 1);
  }
}

TEST(AttentionPrograms, MeasureOnTheGpuOrSayThatThereIsNone) {
  for (const Program& program : programs()) {
    if (!std::filesystem::exists(std::filesystem::path(MOESIM_KERNELS_DIR) / program.name))
      GTEST_SKIP() << "built without CUDA";
    const Outcome outcome = call(program.name, "--short 2>&1");
    if (outcome.exit_code == 0) {
      expect_table(program, outcome.lines);
      continue;
    }
    EXPECT_EQ(outcome.exit_code, 1) << program.name;
    ASSERT_EQ(outcome.lines.size(), 1U) << program.name;
    EXPECT_NE(outcome.lines[0].find("no CUDA device"), std::string::npos) << outcome.lines[0];
  }
}

}  // namespace
}  // namespace moesim::kernels
