// The microbenchmark programs as a user calls them. MOESIM_KERNELS_DIR is where the build put them.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/memory_stream.hpp"

namespace moesim::kernels {
namespace {

struct Outcome {
  int exit_code = -1;
  std::string output;
};

Outcome call(const std::string& program, const std::string& arguments) {
  const std::string command =
      "'" + (std::filesystem::path(MOESIM_KERNELS_DIR) / program).string() + "' " + arguments;
  Outcome outcome;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return outcome;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    outcome.output.append(buffer, n);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  return outcome;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void expect_stream_table(const std::string& output) {
  const auto lines = lines_of(output);
  ASSERT_FALSE(lines.empty());
  std::string header;
  for (const auto& column : stream_columns()) header += (header.empty() ? "" : ",") + column;
  EXPECT_EQ(lines[0], header);
  std::size_t rotating = 0;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    std::istringstream cells(lines[i]);
    std::vector<std::string> row;
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
    ASSERT_GE(row.size(), 12U) << lines[i];
    rotating += row[6] == "rotate" ? 1 : 0;
    const double latency_us = std::stod(row[7]);
    EXPECT_LE(std::stod(row[8]), latency_us) << lines[i];
    EXPECT_GE(std::stod(row[10]), latency_us) << lines[i];
    // Between 10 MB/s and 100 TB/s: no memory of our time is outside that, a wrong unit or an empty
    // pass is.
    const double bandwidth_Bps = std::stod(row[4]) / (latency_us * 1e-6);
    EXPECT_GT(bandwidth_Bps, 1e7) << lines[i];
    EXPECT_LT(bandwidth_Bps, 1e14) << lines[i];
  }
  EXPECT_EQ(rotating, 8U) << "two sizes of four patterns";
}

TEST(MemoryStreamCpu, MeasuresInShortMode) {
  const Outcome outcome = call("memory_stream_cpu", "--short");
  EXPECT_EQ(outcome.exit_code, 0);
  expect_stream_table(outcome.output);
}

TEST(MemoryStreamCpu, AnswersWrongUsageWithTwoAndFailureWithOne) {
  EXPECT_EQ(call("memory_stream_cpu", "--fast 2>&1").exit_code, 2);
  EXPECT_EQ(call("memory_stream_cpu", "--seed -3 2>&1").exit_code, 2);
  EXPECT_EQ(call("memory_stream_cpu", "--max-mib 2>&1").exit_code, 2);
  EXPECT_EQ(call("memory_stream_cpu", "--short --max-mib 0.5 2>&1").exit_code, 1);
  EXPECT_EQ(call("memory_stream_cpu", "--short --out /nowhere/table.csv 2>&1").exit_code, 1);
  EXPECT_EQ(call("memory_stream_cpu", "--help").exit_code, 0);
}

TEST(MemoryStreamCuda, MeasuresOrSaysThatThereIsNoDevice) {
  if (!std::filesystem::exists(std::filesystem::path(MOESIM_KERNELS_DIR) / "memory_stream"))
    GTEST_SKIP() << "built without CUDA";
  const Outcome outcome = call("memory_stream", "--short 2>&1");
  if (outcome.exit_code == 0) return expect_stream_table(outcome.output);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("no CUDA device"), std::string::npos) << outcome.output;
  EXPECT_EQ(lines_of(outcome.output).size(), 1U) << outcome.output;
}

}  // namespace
}  // namespace moesim::kernels
