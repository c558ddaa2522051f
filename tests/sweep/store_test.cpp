#include "sim/sweep/store.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "sim/core/error.hpp"
#include "tests/core/error_text.hpp"
#include "tests/report/temporary_directory.hpp"
#include "tests/sweep/contains.hpp"

namespace moesim {
namespace {

using test::contains;

class Store : public ::testing::Test {
 protected:
  static StoredResult done(const std::string& key, double value) {
    StoredResult result;
    result.key = key;
    result.figures = {{"b", value}, {"a", 0.1 + 0.2}};
    return result;
  }
  testing::TemporaryDirectory directory_;
  std::string path_ = directory_.file("s.sqlite");
};

TEST_F(Store, GivesBackWhatWasRecordedAfterClosing) {
  {
    SweepStore store(path_);
    store.define("definition: 1\n", std::vector<StoredPoint>{{"k1", "a=1", ""}, {"", "a=2", "no"}});
    store.record(done("k1", 1.0 / 3));
  }
  const auto store = SweepStore::read(path_);
  EXPECT_EQ(store.definition(), "definition: 1\n");
  ASSERT_EQ(store.points().size(), 2U);
  EXPECT_EQ(store.points()[1].error, "no");
  const auto results = store.results();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results.at("k1").figures, done("k1", 1.0 / 3).figures) << "to the last bit, in order";
}

TEST_F(Store, KeepsResultsWhenTheDefinitionChanges) {
  SweepStore store(path_);
  store.define("a", {});
  store.record(done("k1", 1));
  store.define("b", std::vector<StoredPoint>{{"k2", "", ""}});
  store.record(done("k2", 2));
  const auto results = store.results();
  EXPECT_EQ(results.at("k1").start, 1);
  EXPECT_EQ(results.at("k2").start, 2);
  EXPECT_EQ(store.points().size(), 1U);
}

TEST_F(Store, IsWrittenByOneProcessAtATime) {
  SweepStore store(path_);
  const pid_t child = fork();  // locks are between processes
  if (child == 0) {
    const auto text = testing::error_text([&] { SweepStore second(path_); });
    const auto expected =
        path_ + ": another sweep (process " + std::to_string(getppid()) + ") is writing it";
    _exit(text == expected ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(Store, LosesNothingWhenTheDiskIsFull) {
  SweepStore store(path_);
  store.define("a", {});
  store.limit_pages(12);
  int written = 0;
  std::string text;
  for (; written < 1000 && text.empty(); ++written) {
    auto result = done("key " + std::to_string(written), written);
    result.error = std::string(1000, 'x');
    try {
      store.record(result);
    } catch (const SimulationError& error) {
      text = error.what();
    }
  }
  EXPECT_TRUE(text.starts_with(path_ + ": "));
  EXPECT_TRUE(contains(text, "full"));
  ASSERT_GT(written, 2);
  EXPECT_EQ(store.results().size(), static_cast<std::size_t>(written - 1));
}

TEST_F(Store, RefusesFilesOfSomethingElse) {
  std::ofstream(path_) << "This is no database, but it is long enough to be taken for one.\n";
  EXPECT_TRUE(contains(testing::error_text([&] { SweepStore store(path_); }), "not a sweep store"));
}

TEST_F(Store, RefusesAFolderThatIsNotThere) {
  const auto path = directory_.file("nowhere/s.sqlite");
  EXPECT_TRUE(testing::error_text([&] { SweepStore store(path); }).starts_with(path));
  EXPECT_THROW(SweepStore::read(path), InputError);
}

}  // namespace
}  // namespace moesim
