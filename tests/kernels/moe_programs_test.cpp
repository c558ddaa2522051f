// The programs of the MoE operations as a user calls them: a table whose keys are unique and whose
// times are times, or, for CUDA without a device, one line that says so.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace moesim::kernels {
namespace {

struct MoeProgram {
  const char* name;
  std::size_t keys;  ///< columns before l2
  std::size_t rows;  ///< of the CPU twin in short mode
};

void PrintTo(const MoeProgram& program, std::ostream* out) { *out << program.name; }

class MoePrograms : public ::testing::TestWithParam<MoeProgram> {
 protected:
  /// Runs a program in short mode; what it wrote, also to stderr, and its exit code.
  static std::pair<std::vector<std::string>, int> run(const std::string& program) {
    const auto path = std::filesystem::path(MOESIM_KERNELS_DIR) / program;
    FILE* pipe = popen(("'" + path.string() + "' --short 2>&1").c_str(), "r");
    if (pipe == nullptr) return {{}, -1};
    std::string output;
    std::array<char, 4096> buffer{};
    for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
      output.append(buffer.data(), n);
    const int status = pclose(pipe);
    std::vector<std::string> lines;
    std::istringstream in(output);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return {lines, WIFEXITED(status) ? WEXITSTATUS(status) : -1};
  }

  static std::vector<std::string> cells_of(const std::string& line) {
    std::vector<std::string> cells;
    std::istringstream in(line);
    for (std::string cell; std::getline(in, cell, ',');) cells.push_back(cell);
    return cells;
  }

  static void expect_table(const std::vector<std::string>& lines, std::size_t keys) {
    ASSERT_GT(lines.size(), 1U);
    const auto header = cells_of(lines[0]);
    ASSERT_GT(header.size(), keys + 5);
    EXPECT_EQ(header[0], "op");
    EXPECT_EQ(header[keys], "l2");
    EXPECT_EQ(header[keys + 1], "latency_us");
    std::set<std::vector<std::string>> seen;
    for (std::size_t i = 1; i < lines.size(); ++i) {
      auto row = cells_of(lines[i]);
      ASSERT_GE(row.size(), header.size()) << lines[i];
      std::vector<double> rising;
      for (const std::size_t at : {2, 3, 1, 4}) rising.push_back(std::stod(row[keys + at]));
      // p10, p25, median, p90: in this order, between 10 ns and 10 s.
      EXPECT_TRUE(std::is_sorted(rising.begin(), rising.end())) << lines[i];
      EXPECT_GT(rising.front(), 0.01) << lines[i];
      EXPECT_LT(rising.back(), 1e7) << lines[i];
      row.resize(keys);
      row.push_back(cells_of(lines[i])[keys + 9]);  // two libraries may measure the same point
      EXPECT_TRUE(seen.insert(row).second) << lines[i];
    }
  }
};

TEST_P(MoePrograms, MeasureOnTheCpuInShortMode) {
  const auto [lines, exit_code] = run(std::string(GetParam().name) + "_cpu");
  ASSERT_EQ(exit_code, 0) << (lines.empty() ? "" : lines.back());
  expect_table(lines, GetParam().keys);
  EXPECT_EQ(lines.size(), 1 + GetParam().rows);
}

TEST_P(MoePrograms, MeasureOnAGpuOrSayThatThereIsNone) {
  if (!std::filesystem::exists(std::filesystem::path(MOESIM_KERNELS_DIR) / GetParam().name))
    GTEST_SKIP() << "built without CUDA";
  const auto [lines, exit_code] = run(GetParam().name);
  if (exit_code == 0) return expect_table(lines, GetParam().keys);
  EXPECT_EQ(exit_code, 1);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("no CUDA device"), std::string::npos) << lines[0];
}

INSTANTIATE_TEST_SUITE_P(Kernels, MoePrograms,
                         ::testing::Values(MoeProgram{"gemm", 6, 2},
                                           MoeProgram{"grouped_gemm", 11, 4},
                                           MoeProgram{"router_topk", 8, 9},
                                           MoeProgram{"permute", 6, 18},
                                           MoeProgram{"moe_layer", 9, 3}),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace moesim::kernels
