// The programs that measure the machine around the kernels, as a user calls them: every CPU twin
// measures, every CUDA program measures or says in one line that it cannot.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/collective.hpp"
#include "kernels/contention.hpp"
#include "kernels/host_copy.hpp"
#include "kernels/launch.hpp"
#include "kernels/sustained.hpp"

namespace moesim::kernels {
namespace {

/// A program, its columns and how many of the first ones, with the columns of the key, are unique.
struct Program {
  std::string name;
  std::vector<std::string> columns;
  std::size_t key_columns;
};

std::vector<Program> programs() {
  return {{"device_probe", {"op", "property", "value"}, 2},
          {"launch", launch_columns(), 4},
          {"host_copy", copy_columns(), 8},
          {"contention", contention_columns(), 8},
          {"sustained", sustained_columns(), 4},
          {"collective", collective_columns(), 8}};
}

std::filesystem::path path_of(const std::string& program) {
  return std::filesystem::path(MOESIM_KERNELS_DIR) / program;
}

int call(const std::string& program, const std::string& arguments,
         std::vector<std::string>& lines) {
  FILE* pipe = popen(("'" + path_of(program).string() + "' " + arguments).c_str(), "r");
  if (pipe == nullptr) return -1;
  std::string output;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    output.append(buffer, n);
  const int status = pclose(pipe);
  std::istringstream in(output);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void expect_table(const Program& program, const std::vector<std::string>& lines) {
  ASSERT_FALSE(lines.empty()) << program.name;
  std::string header;
  for (const auto& column : program.columns) header += (header.empty() ? "" : ",") + column;
  EXPECT_EQ(lines[0], header);
  std::set<std::string> keys;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    std::istringstream cells(lines[i]);
    std::string key, cell;
    for (std::size_t c = 0; c < program.key_columns && std::getline(cells, cell, ','); ++c)
      key += cell + ",";
    EXPECT_EQ(key.substr(0, key.find(',')), program.name);
    EXPECT_TRUE(keys.insert(key).second) << "twice: " << key;
  }
}

TEST(SystemProgramsCpu, MeasureInShortMode) {
  for (const Program& program : programs()) {
    std::vector<std::string> lines;
    EXPECT_EQ(call(program.name + "_cpu", "--short", lines), 0) << program.name;
    expect_table(program, lines);
    // Alone on one core, a machine has nothing to contend with.
    if (program.name != "contention") {
      EXPECT_GT(lines.size(), 2U) << program.name;
    }
  }
}

TEST(SystemProgramsCuda, MeasureOrSayThatThereIsNoDevice) {
  for (const Program& program : programs()) {
    if (!std::filesystem::exists(path_of(program.name))) continue;
    std::vector<std::string> lines;
    const int exit_code = call(program.name, "--short 2>&1", lines);
    if (exit_code == 0) {
      // With one GPU, collective says on stderr that it is alone.
      if (program.name == "collective" && lines.size() == 2) continue;
      expect_table(program, lines);
      continue;
    }
    EXPECT_EQ(exit_code, 1) << program.name;
    ASSERT_EQ(lines.size(), 1U) << program.name;
    EXPECT_NE(lines[0].find("no CUDA device"), std::string::npos) << lines[0];
  }
}

}  // namespace
}  // namespace moesim::kernels
