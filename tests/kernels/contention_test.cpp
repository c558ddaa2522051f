#include "kernels/contention.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>

namespace moesim::kernels {
namespace {

/// A product or a copy takes 100 us, under contention half as long again; with fewer
/// multiprocessors it takes in proportion longer.
class HalfAgain final : public ContentionDevice {
 public:
  explicit HalfAgain(bool wrong = false) : wrong_(wrong) {}
  std::string name() const override { return "exact"; }
  std::string library() const override { return "none"; }
  std::string dtype() const override { return "bf16"; }
  bool hot() const override { return false; }
  std::vector<GemmShape> shapes(bool short_mode) const override {
    if (short_mode) return {{16, 64, 64}};
    return {{16, 64, 64}, {4096, 64, 64}};
  }
  std::vector<std::string> copy_kinds() const override { return {"gemm_during_h2d"}; }
  std::vector<std::size_t> copy_bytes(bool) const override { return {kMiB, 64 * kMiB}; }
  int sm_count() const override { return 132; }
  bool can_limit_sms() const override { return true; }
  void prepare(const ContentionPoint& point) override {
    if (wrong_) throw std::runtime_error("contention: wrong result");
    point_ = point;
  }
  Sampler alone() override {
    return {"exact", 1, [] { return 100e-6; }};
  }
  Sampler contended() override {
    const double factor = point_.bytes > 0 ? 1.5 : 132.0 / point_.sm_count;
    return {"exact", 1, [factor] { return 100e-6 * factor; }};
  }

 private:
  bool wrong_;
  ContentionPoint point_;
};

TEST(ContentionPlan, GoesFromAllMultiprocessorsToAQuarter) {
  EXPECT_EQ(sm_counts(132, false), (std::vector<int>{114, 98, 82, 66, 48, 32}));
  EXPECT_EQ(sm_counts(132, true), (std::vector<int>{66}));
  EXPECT_TRUE(sm_counts(1, false).empty());
}

TEST(ContentionPlan, HasEveryKeyOnceAndKeepsTheLargestCopy) {
  std::set<std::tuple<std::string, std::size_t, int, std::size_t>> keys;
  for (const ContentionPoint& p : plan_contention(HalfAgain{}, Options{}))
    EXPECT_TRUE(keys.emplace(p.kind, p.shape.m, p.sm_count, p.bytes).second);
  EXPECT_EQ(keys.size(), 2U * (2 + 6));
  Options options;
  options.max_mib = 1;
  for (const ContentionPoint& p : plan_contention(HalfAgain{}, options)) EXPECT_LE(p.bytes, kMiB);
}

TEST(Contention, WritesTheTimeAloneAndTheSlowdown) {
  HalfAgain device;
  Options options;
  options.short_mode = true;
  std::ostringstream out;
  run_contention(device, options, out);
  EXPECT_EQ(out.str().substr(0, 48), "op,kind,dtype,m,n,k,sm_count,bytes,l2,latency_us");
  EXPECT_NE(out.str().find("contention,gemm_during_h2d,bf16,16,64,64,132,1048576,rotate,150,150"),
            std::string::npos);
  EXPECT_NE(out.str().find("contention,gemm_on_sms,bf16,16,64,64,66,0,rotate,200,200"),
            std::string::npos);
  EXPECT_NE(out.str().find(",ok,100,1.5\n"), std::string::npos);
  EXPECT_NE(out.str().find(",ok,100,2\n"), std::string::npos);
}

TEST(Contention, MeasuresNothingAfterAWrongResult) {
  HalfAgain device(true);
  std::ostringstream out;
  EXPECT_THROW(run_contention(device, Options{}, out), std::runtime_error);
  EXPECT_EQ(out.str().find("\ncontention"), std::string::npos);
}

}  // namespace
}  // namespace moesim::kernels
