#include "sim/core/input_path.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/core/error_text.hpp"
#include "tests/report/temporary_directory.hpp"

namespace moesim {
namespace {

using testing::error_text;
using testing::TemporaryDirectory;

Node named(const std::string& path, const std::string& scenario) {
  Node node = Node::scalar(path);
  node.where = {scenario, 3, 5};
  return node;
}

TEST(InputPath, MeansTheFileBesideTheScenario) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.file("scenarios"));
  std::ofstream(directory.file("scenarios/trace.csv")) << "x";
  std::ofstream(directory.file("above.csv")) << "x";
  const auto scenario = directory.file("scenarios/s.yaml");
  EXPECT_EQ(Value<InputPath>::read(named("trace.csv", scenario)).path,
            directory.file("scenarios/trace.csv"));
  EXPECT_EQ(Value<InputPath>::read(named("../above.csv", scenario)).path,
            directory.file("above.csv"));
}

TEST(InputPath, MeansTheWorkingDirectoryOtherwiseAndOnTheCommandLine) {
  const TemporaryDirectory directory;
  std::filesystem::current_path(directory.path());
  std::ofstream(directory.file("here.csv")) << "x";
  EXPECT_EQ(Value<InputPath>::read(named("here.csv", "/elsewhere/s.yaml")).path, "here.csv");
  EXPECT_EQ(Value<InputPath>::read(named("here.csv", "-s workload.trace=here.csv")).path,
            "here.csv");
  EXPECT_EQ(Value<InputPath>::read(named(directory.file("here.csv"), "/x/s.yaml")).path,
            directory.file("here.csv"));
  std::filesystem::current_path("/");
}

TEST(InputPath, RefusesAFileThatIsNowhereAtItsPlace) {
  EXPECT_EQ(error_text([] { Value<InputPath>::read(named("nix.csv", "s.yaml")); }),
            "s.yaml:3:5: no such file: nix.csv");
  EXPECT_EQ(error_text([] { Value<InputPath>::read(named("", "s.yaml")); }),
            "s.yaml:3:5: expected a file name, found ''");
}

}  // namespace
}  // namespace moesim
