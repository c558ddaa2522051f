// The order of the folders: a file includes its own folder and what stands before it, so that what
// things cost never learns about time, and time never about the command line. Heavy and foreign
// headers stay behind the files named here.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kOrder = {
    "sim/core",     "models/architecture", "models/device", "models/cost",   "sim/scenario",
    "sim/platform", "sim/transport",       "sim/routing",   "sim/placement", "sim/cache",
    "sim/engine",   "sim/serving",         "sim/fleet",     "sim/training",  "sim/metrics",
    "sim/sweep",    "calibrate",           "sim/report",    "sim/cli"};

struct Include {
  std::string file, target;  ///< both from the root; the target as written
  int line = 0;
  bool system = false;
  std::string place() const { return file + ":" + std::to_string(line) + " includes " + target; }
};

std::vector<Include> includes() {
  std::vector<Include> all;
  const fs::path root = MOESIM_SOURCE_DIR;
  for (const char* top : {"sim", "models", "calibrate"})
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      const auto extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp") continue;
      std::ifstream in(entry.path());
      std::string line;
      for (int number = 1; std::getline(in, line); ++number) {
        if (!line.starts_with("#include ") || line.size() < 12) continue;
        const bool system = line[9] == '<';
        const auto end = line.find(system ? '>' : '"', 10);
        all.push_back(
            {fs::relative(entry.path(), root).string(), line.substr(10, end - 10), number, system});
      }
    }
  return all;
}

/// Place in the order; -1 when the path is in none of the folders.
int layer(const std::string& path) {
  for (std::size_t i = 0; i < kOrder.size(); ++i)
    if (path.starts_with(kOrder[i] + "/")) return static_cast<int>(i);
  return -1;
}

TEST(Layers, AFolderIncludesOnlyWhatStandsBeforeIt) {
  int checked = 0;
  for (const auto& include : includes()) {
    if (include.system) continue;
    ++checked;
    EXPECT_GE(layer(include.file), 0) << include.file << " lies in no folder of the design";
    EXPECT_GE(layer(include.target), 0) << include.place() << ", not from the root";
    EXPECT_LE(layer(include.target), layer(include.file)) << include.place();
  }
  EXPECT_GT(checked, 200);
}

TEST(Layers, EveryIncludedFileExists) {
  for (const auto& include : includes())
    if (!include.system) {
      EXPECT_TRUE(fs::exists(fs::path(MOESIM_SOURCE_DIR) / include.target)) << include.place();
    }
}

TEST(Layers, SimGridStaysInSourcesOfThePlatformTheTransportAndTheEngine) {
  int uses = 0;
  for (const auto& include : includes()) {
    const bool compat = include.target == "sim/engine/simgrid_compat.hpp";
    if (!compat && !include.target.starts_with("simgrid/") && !include.target.starts_with("xbt/"))
      continue;
    ++uses;
    const bool folder = include.file.starts_with("sim/platform/") ||
                        include.file.starts_with("sim/transport/") ||
                        include.file.starts_with("sim/engine/");
    EXPECT_TRUE(folder) << include.place();
    EXPECT_TRUE(include.file.ends_with(".cpp") || include.file == "sim/engine/simgrid_compat.hpp")
        << include.place();
  }
  EXPECT_GT(uses, 0);
}

TEST(Layers, OnlyOneFileKnowsYamlCppAndOneTheCommandLineParser) {
  for (const auto& include : includes()) {
    if (include.target.starts_with("yaml-cpp/")) {
      EXPECT_EQ(include.file, "sim/core/yaml.cpp") << include.place();
    }
    if (include.target.starts_with("CLI/")) {
      EXPECT_EQ(include.file, "sim/cli/main.cpp") << include.place();
    }
  }
}

TEST(Layers, GraphAndMatrixLibrariesStayOutOfHeaders) {
  for (const auto& include : includes())
    if (include.target.starts_with("boost/") || include.target.starts_with("Eigen/")) {
      EXPECT_TRUE(include.file.ends_with(".cpp")) << include.place();
    }
}

}  // namespace
