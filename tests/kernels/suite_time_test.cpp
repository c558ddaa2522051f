// How long the CUDA suite takes on one H100 at most, from the plans themselves: points times the
// cap of their policy. Five minutes is what the whole may take.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <iostream>
#include <map>
#include <string>

#include "kernels/attention_decode.hpp"
#include "kernels/attention_prefill.hpp"
#include "kernels/contention.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/gemm.hpp"
#include "kernels/grouped_gemm.hpp"
#include "kernels/host_copy.hpp"
#include "kernels/launch.hpp"
#include "kernels/memory_stream.hpp"
#include "kernels/moe_layer.hpp"
#include "kernels/permute.hpp"
#include "kernels/router_topk.hpp"
#include "kernels/sustained.hpp"
#include "tests/kernels/fake_device.hpp"

namespace moesim::kernels {
namespace {

constexpr std::size_t kL2 = 50 * kMiB;  // https://resources.nvidia.com/en-us-tensor-core, H100 SXM
constexpr std::size_t kMemory = std::size_t{70} << 30;  // of its 80 GB, what is free and usable

/// An H100 that answers what a plan asks; it is never run.
template <class Operation>
class Planned : public Fake<Operation> {
 public:
  std::size_t memory_bytes() const override { return kMemory; }
  std::size_t cold_bytes() const override { return 2 * kL2; }
  TimingPolicy policy(bool short_mode) const override {
    return short_mode ? short_policy() : TimingPolicy{};
  }
};

struct Stream final : Planned<StreamDevice> {
  std::string library(const StreamPoint&) const override { return ""; }
  void fill(std::size_t, std::uint64_t) override {}
  void prepare(const StreamPoint&, std::uint64_t) override {}
  void run(Pattern, std::size_t, std::size_t) override {}
  double sum() override { return 0; }
  std::vector<float> fetch(std::size_t, std::size_t) override { return {}; }
  Sampler sampler(const StreamPoint&) override { return {}; }
};

struct Gemm final : Planned<GemmDevice> {
  std::vector<std::string> dtypes() const override { return {"bf16", "fp8", "fp8_block"}; }
  bool supports(const GemmPoint&) override { return true; }
  std::string library(const GemmPoint&) const override { return ""; }
  void prepare(const GemmPoint&, std::uint64_t) override {}
  std::vector<float> result(const GemmPoint&) override { return {}; }
  Sampler sampler(const GemmPoint&) override { return {}; }
};

struct Grouped final : Planned<GroupedDevice> {
  std::vector<std::string> libraries(const std::string& dtype) const override {
    if (dtype == "bf16") return {"own", "cublas"};
    return {"cublasLt-loop"};
  }
  std::string library(const GroupedPoint&) const override { return ""; }
  void prepare(const GroupedPoint&, std::uint64_t) override {}
  std::vector<float> result(const GroupedPoint&) override { return {}; }
  Sampler sampler(const GroupedPoint&) override { return {}; }
};

struct Router final : Planned<RouterDevice> {
  std::vector<std::string> dtypes() const override { return {"bf16"}; }
  std::string library(const RouterPoint&) const override { return ""; }
  void prepare(const RouterPoint&, std::uint64_t) override {}
  RouterResult result(const RouterPoint&) override { return {}; }
  Sampler sampler(const RouterPoint&) override { return {}; }
};

struct Permute final : Planned<PermuteDevice> {
  std::vector<std::string> dtypes(bool back) const override {
    if (back) return {"bf16"};
    return {"bf16", "fp8"};
  }
  std::string library(const PermutePoint&) const override { return ""; }
  void prepare(const PermutePoint&, std::uint64_t) override {}
  PermuteResult result(const PermutePoint&) override { return {}; }
  Sampler sampler(const PermutePoint&) override { return {}; }
};

struct Layer final : Planned<LayerDevice> {
  std::string dtype() const override { return "bf16"; }
  std::string library(const LayerPoint&) const override { return ""; }
  void prepare(LayerPoint&, std::uint64_t) override {}
  std::vector<float> result(const LayerPoint&) override { return {}; }
  Sampler sampler(const LayerPoint&) override { return {}; }
};

/// The devices that are no BenchDevice answer these three.
template <class Operation>
class Named : public Operation {
 public:
  std::string name() const override { return ""; }
  std::string library() const override { return ""; }
};
template <class Operation>
class Remembering : public Named<Operation> {
 public:
  std::size_t cache_bytes() const override { return kL2; }
  std::size_t memory_bytes() const override { return kMemory; }
};

struct Gates final : Remembering<ElementwiseDevice> {
  std::string dtype() const override { return "bf16"; }
  bool quantises() const override { return true; }
  void fill(const ElementwiseShape&, std::size_t, std::uint64_t) override {}
  void run(const ElementwiseShape&, std::size_t) override {}
  std::vector<float> output(const ElementwiseShape&, std::size_t) override { return {}; }
  Sampler sampler(const ElementwiseShape&, std::size_t) override { return {}; }
};

struct Decode final : Remembering<DecodeDevice> {
  explicit Decode(std::vector<std::string> of) : dtypes(std::move(of)) {}
  std::vector<std::string> kv_dtypes() const override { return dtypes; }
  std::size_t splits(const DecodeShape&) const override { return 1; }
  void fill(const DecodeShape&, std::size_t, std::uint64_t) override {}
  void run(const DecodeShape&, std::size_t, std::size_t) override {}
  std::vector<float> output(const DecodeShape&) override { return {}; }
  Sampler sampler(const DecodeShape&, std::size_t, std::size_t) override { return {}; }
  std::vector<std::string> dtypes;
};

struct Prefill final : Remembering<PrefillDevice> {
  std::string dtype() const override { return "bf16"; }
  void fill(const PrefillShape&, std::size_t, std::uint64_t) override {}
  void run(const PrefillShape&, std::size_t) override {}
  std::vector<float> output(const PrefillShape&, std::size_t) override { return {}; }
  Sampler sampler(const PrefillShape&, std::size_t) override { return {}; }
};

struct Copy final : Remembering<CopyDevice> {
  bool has_link() const override { return true; }
  bool has_batch() const override { return true; }
  void prepare(std::size_t) override {}
  void run(const CopyPoint&, const std::vector<Piece>&) override {}
  std::vector<std::uint64_t> target(Direction, HostMemory) override { return {}; }
  Sampler sampler(const CopyPoint&, const std::vector<std::vector<Piece>>&) override { return {}; }
};

struct Contended final : Named<ContentionDevice> {
  std::string dtype() const override { return "bf16"; }
  bool hot() const override { return false; }
  std::vector<GemmShape> shapes(bool) const override { return {{16, 12288, 12288}, {4096, 1, 1}}; }
  std::vector<std::string> copy_kinds() const override { return {"a", "b", "c", "d"}; }
  std::vector<std::size_t> copy_bytes(bool) const override { return {kMiB, 64 * kMiB}; }
  int sm_count() const override { return 132; }
  bool can_limit_sms() const override { return true; }
  void prepare(const ContentionPoint&) override {}
  Sampler alone() override { return {}; }
  Sampler contended() override { return {}; }
};

/// Seconds that each program measures at most, as its run_...() goes about it.
std::map<std::string, double> longest_measurements() {
  const Options all;
  const double each_s = longest_s(TimingPolicy{});
  const auto points = [](const auto& plan) { return static_cast<double>(plan.size()); };
  std::map<std::string, double> seconds;
  seconds["memory_stream"] = points(plan_stream(Stream{}, all)) * each_s;
  Gemm gemm;
  const auto products = plan_gemm(gemm, gemm.dtypes(), all);
  const auto searched = static_cast<double>(
      std::count_if(products.begin(), products.end(),
                    [](const GemmPoint& point) { return point.algo == "best_of_4"; }));
  // A search times four algorithms with six samples and some passes more of half a millisecond.
  seconds["gemm"] =
      points(products) * longest_s(gemm_policy(gemm, all)) + searched * 4 * 10 * 0.5e-3;
  seconds["grouped_gemm"] = points(plan_grouped(Grouped{}, all)) * each_s;
  seconds["router_topk"] =
      points(plan_router(Router{}, all)) * longest_s(router_policy(Router{}, all));
  seconds["permute"] =
      points(plan_permute(Permute{}, all)) * longest_s(permute_policy(Permute{}, all));
  seconds["moe_layer"] = points(plan_layers(Layer{}, all)) * each_s;
  seconds["elementwise"] =
      points(plan_elementwise(Gates{}, all)) * longest_s(elementwise_policy(all));
  seconds["attention_decode"] = points(plan_decode(Decode({"bf16", "fp8"}), false, all)) * each_s;
  seconds["attention_decode_mla"] = points(plan_decode(Decode({"bf16"}), true, all)) * each_s;
  seconds["attention_prefill"] = points(plan_prefill(Prefill{}, all)) * each_s;
  seconds["host_copy"] = points(plan_copies(Copy{}, all)) * each_s;
  seconds["contention"] = points(plan_contention(Contended{}, all)) * 2 * each_s;  // alone and not
  // Six kinds by three lengths, counted, not timed: some 500 samples of up to half a millisecond.
  seconds["launch"] = 18 * 550 * 0.5e-3;
  // In bf16 and fp8, each after half a second of idling.
  const SustainedPlan sustained;
  seconds["sustained"] =
      2 * (0.5 + sustained.burst_s + static_cast<double>(sustained.windows) * sustained.window_s);
  return seconds;
}

TEST(SuiteTime, OfTheCudaProgramsStaysBelowFiveMinutes) {
  double total_s = 0;
  for (const auto& [program, seconds] : longest_measurements()) {
    total_s += seconds;
    RecordProperty(program, std::to_string(seconds));
    std::cout << program << ' ' << seconds << " s at most\n";
  }
  // Starting a program, its libraries and the check of its results: some two seconds each.
  const double with_start_s = total_s + 2.0 * 16;
  std::cout << "together " << total_s << " s, with the start of 16 programs " << with_start_s
            << " s\n";
  EXPECT_LE(with_start_s, 300);
}

/// What the calibration notes give each operation, with a tenth on top.
TEST(SuiteTime, OfEachProgramStaysNearItsShare) {
  const std::map<std::string, double> share_s = {{"memory_stream", 6},
                                                 {"launch", 6},
                                                 {"gemm", 65},
                                                 {"grouped_gemm", 48},
                                                 {"router_topk", 5},
                                                 {"permute", 5},
                                                 {"elementwise", 8},
                                                 {"attention_decode", 20},
                                                 {"attention_decode_mla", 10},
                                                 {"attention_prefill", 7},
                                                 {"host_copy", 12},
                                                 {"contention", 8},
                                                 {"sustained", 42},
                                                 {"moe_layer", 9}};
  const auto longest = longest_measurements();
  ASSERT_EQ(longest.size(), share_s.size());
  for (const auto& [program, seconds] : longest) EXPECT_LE(seconds, share_s.at(program)) << program;
}

}  // namespace
}  // namespace moesim::kernels
