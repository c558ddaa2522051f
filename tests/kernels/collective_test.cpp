#include "kernels/collective.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

namespace moesim::kernels {
namespace {

/// A group whose busiest rank moves one byte a nanosecond. What is received is worked out
/// from the definition of each collective, element by element, or with a fault.
class ByteANanosecondGroup final : public CollectiveDevice {
 public:
  enum class Fault { kNone, kDoesNothing, kWrongSource, kForgetsARank };
  explicit ByteANanosecondGroup(std::size_t most_ranks, Fault fault = Fault::kNone)
      : most_ranks_(most_ranks), fault_(fault) {}

  std::string name() const override { return "exact"; }
  std::string library(Collective) const override { return "none"; }
  std::string dtype() const override { return "fp32"; }
  std::size_t element_bytes() const override { return 4; }
  std::size_t most_ranks() const override { return most_ranks_; }
  std::size_t largest_bytes() const override { return kMiB; }
  std::size_t memory_bytes() const override { return 64 * kMiB; }
  TimingPolicy policy(bool short_mode) const override {
    return short_mode ? short_policy() : TimingPolicy{};
  }
  void prepare(std::size_t ranks, const BufferSizes& elements) override {
    send_.assign(ranks, std::vector<float>(elements.send));
    for (std::size_t rank = 0; rank < ranks; ++rank)
      for (std::size_t i = 0; i < elements.send; ++i)
        send_[rank][i] = rank_value(fault_ == Fault::kWrongSource ? 0 : rank, i);
    receive_.assign(ranks, std::vector<float>(elements.receive));
  }
  void clear() override {
    for (auto& buffer : receive_) buffer.assign(buffer.size(), 0.0F);
  }
  double run(const CollectivePoint& point, std::size_t repeats) override {
    if (fault_ != Fault::kDoesNothing) move(point);
    return 1e-9 * bus_factor(point) * static_cast<double>(point.bytes * repeats);
  }
  std::vector<float> received(std::size_t rank, std::size_t elements) override {
    const auto begin = receive_.at(rank).begin();
    return {begin, begin + static_cast<std::ptrdiff_t>(elements)};
  }

 private:
  void move(const CollectivePoint& point) {
    const std::size_t elements = point.bytes / 4, ranks = point.ranks, part = elements / ranks;
    const bool forgets = fault_ == Fault::kForgetsARank;
    if (point.kind == Collective::kPeerCopy) {
      for (std::size_t i = 0; i < elements - (forgets ? 1 : 0); ++i)
        receive_[point.target].at(i) = send_[point.source].at(i);
      return;
    }
    std::vector<std::size_t> shares(ranks, part);
    if (point.kind == Collective::kAllToAllV) shares = shares_of(elements, ranks, point.skew);
    for (std::size_t to = 0, first = 0; to < ranks; first += shares[to], ++to)
      for (std::size_t from = 0; from + (forgets ? 1 : 0) < ranks; ++from) {
        std::vector<float>& out = receive_[to];
        const std::vector<float>& in = send_[from];
        for (std::size_t i = 0; i < elements; ++i) {
          if (point.kind == Collective::kAllReduce) out.at(i) = (from == 0 ? 0 : out[i]) + in.at(i);
          if (point.kind == Collective::kReduceScatter && i < part)
            out.at(i) = (from == 0 ? 0 : out[i]) + in.at(to * part + i);
          if (point.kind == Collective::kAllGather && i < part) out.at(from * part + i) = in.at(i);
          const bool exchange =
              point.kind == Collective::kAllToAll || point.kind == Collective::kAllToAllV;
          if (exchange && i < shares[to]) out.at(from * shares[to] + i) = in.at(first + i);
        }
      }
  }

  std::size_t most_ranks_;
  Fault fault_;
  std::vector<std::vector<float>> send_, receive_;
};

using RankFault = ByteANanosecondGroup::Fault;

TEST(CollectiveShares, AddUpAndFallWithTheSkew) {
  EXPECT_EQ(shares_of(1024, 4, 0), (std::vector<std::size_t>(4, 256)));
  for (const std::size_t ranks : {std::size_t{2}, std::size_t{4}, std::size_t{8}}) {
    const auto shares = shares_of(100003, ranks, 1.0);
    EXPECT_EQ(std::accumulate(shares.begin(), shares.end(), std::size_t{0}), 100003U);
    for (std::size_t d = 1; d < ranks; ++d)
      EXPECT_NEAR(static_cast<double>(shares[d]),
                  static_cast<double>(shares[0]) / static_cast<double>(d + 1), 2.0);
  }
}

TEST(CollectiveBus, CountsWhatTheBusiestRankMoves) {
  const auto factor = [](Collective kind, double skew) {
    return bus_factor({kind, 8, 1024, skew, 0, 1});
  };
  EXPECT_DOUBLE_EQ(factor(Collective::kAllReduce, 0), 14.0 / 8);
  EXPECT_DOUBLE_EQ(factor(Collective::kAllGather, 0), 7.0 / 8);
  EXPECT_DOUBLE_EQ(factor(Collective::kAllToAll, 0), 7.0 / 8);
  EXPECT_DOUBLE_EQ(factor(Collective::kPeerCopy, 0), 1);
  EXPECT_NEAR(factor(Collective::kAllToAllV, 0), 7.0 / 8, 1e-8);
  // Rank 0 gets 1/H(8) of every other rank's bytes, H(8) = 761/280.
  EXPECT_NEAR(factor(Collective::kAllToAllV, 1), 7.0 * 280 / 761, 1e-8);
}

TEST(CollectiveCheck, AcceptsEveryKindDoneRightAndFindsEveryFault) {
  const std::size_t elements = kCheckedBytes / 4;
  for (const Collective kind :
       {Collective::kPeerCopy, Collective::kAllReduce, Collective::kAllGather,
        Collective::kReduceScatter, Collective::kAllToAll, Collective::kAllToAllV}) {
    const CollectivePoint point{kind, 4, kCheckedBytes, 1.0, 3, 1};
    for (const RankFault fault : {RankFault::kNone, RankFault::kDoesNothing,
                                  RankFault::kWrongSource, RankFault::kForgetsARank}) {
      ByteANanosecondGroup device(4, fault);
      device.prepare(4, {elements, 4 * elements});
      if (fault == RankFault::kNone)
        EXPECT_NO_THROW(check_collective(device, point)) << name_of(kind);
      else
        EXPECT_THROW(check_collective(device, point), std::runtime_error)
            << name_of(kind) << ", fault " << static_cast<int>(fault);
    }
  }
}

TEST(CollectivePlan, HasEveryKeyOnceAndAllPairsOfTheLargestGroup) {
  const ByteANanosecondGroup device(4);
  const auto keys = [&](bool short_mode, double max_mib) {
    Options options;
    options.short_mode = short_mode;
    options.max_mib = max_mib;
    std::set<std::tuple<Collective, std::size_t, double, std::size_t, std::size_t>> all;
    for (const CollectivePoint& p : plan_group(device, 4, true, options))
      EXPECT_TRUE(all.emplace(p.kind, p.bytes, p.skew, p.source, p.target).second);
    return all.size();
  };
  EXPECT_EQ(keys(false, 1), 6U * 6 + 12U * 2) << "six sizes from 1 KiB to 1 MiB; twelve pairs";
  EXPECT_EQ(keys(true, 1), 2U * 6 + 12U * 2);
  EXPECT_EQ(keys(false, 0.001), 6U + 12U) << "1 KiB alone";
  EXPECT_EQ(plan_group(device, 2, false, Options{}).size(), 6U * 6);
}

TEST(Collective, WritesTheBusBandwidth) {
  ByteANanosecondGroup device(4);
  Options options;
  options.short_mode = true;
  std::ostringstream out;
  run_collective(device, options, out);
  std::istringstream lines(out.str());
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line.substr(0, 50), "op,kind,dtype,ranks,source,target,bytes,skew,l2,la");
  std::size_t rows = 0;
  for (; std::getline(lines, line); ++rows)
    EXPECT_NE(line.find(",ok,1e+09"), std::string::npos) << line;
  EXPECT_EQ(rows, 2U * 12 + 12U * 2) << "two groups; the pairs of the larger";
}

TEST(Collective, WritesTheHeaderAloneWhereThereIsOneRank) {
  ByteANanosecondGroup device(1);
  std::ostringstream out;
  run_collective(device, Options{}, out);
  EXPECT_EQ(out.str().find('\n'), out.str().size() - 1);
}

TEST(Collective, StopsAtAWrongResult) {
  ByteANanosecondGroup device(2, RankFault::kDoesNothing);
  std::ostringstream out;
  EXPECT_THROW(run_collective(device, Options{}, out), std::runtime_error);
}

}  // namespace
}  // namespace moesim::kernels
