// The ledger of kernels over small tables of known times: one entry per table, one over all.
#include "sim/cli/kernel_accuracy.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tests/report/temporary_directory.hpp"

namespace moesim {
namespace {

/// GEMMs that take 10 us and 1 us per 1e9 FLOPs, `noise` of that more at every other m.
void write_gemms(const std::string& file, double noise) {
  std::ofstream out(file);
  out << "gemm_dtype,m,n,k,latency\n";
  for (const int n : {512, 1024, 2048, 4096, 8192})
    for (const int k : {512, 1024, 2048, 4096})
      for (int step = 0, m = 1; m <= 4096; m *= 2, ++step)
        out << fmt::format("bfloat16,{},{},{},{}\n", m, n, k,
                           (0.01 + 2e-12 * m * n * k) * (step % 2 == 1 ? 1 + noise : 1));
}

TEST(KernelAccuracy, PoolsTheErrorsOfAllTables) {
  const testing::TemporaryDirectory folder;
  write_gemms(folder.file("h100_sxm.one-1.0.gemm.csv"), 0);
  write_gemms(folder.file("h100_sxm.two-1.0.gemm.csv"), 0.3);
  const auto accuracy = kernel_accuracy(folder.path(), 1, {});
  const auto find = [&](const std::string& group) -> const LedgerEntry& {
    const auto found = std::ranges::find_if(accuracy.entries, [&](const LedgerEntry& e) {
      return e.group.starts_with(group) && e.metric == "unseen (n, k)";
    });
    if (found == accuracy.entries.end()) throw std::runtime_error("no entry of " + group);
    return *found;
  };
  const auto &one = find("h100-sxm one-1.0"), &two = find("h100-sxm two-1.0"),
             &all = find("all tables, gemm");
  EXPECT_GT(one.errors.n, 0);
  EXPECT_EQ(all.errors.n, one.errors.n + two.errors.n);
  const auto [low, high] = std::minmax(one.errors.p90_abs, two.errors.p90_abs);
  EXPECT_LT(low, high);
  EXPECT_GE(all.errors.p90_abs, low);
  EXPECT_LE(all.errors.p90_abs, high);
  EXPECT_EQ(all.target, one.target);
  EXPECT_EQ(all.target_p90, one.target_p90);
}

}  // namespace
}  // namespace moesim
