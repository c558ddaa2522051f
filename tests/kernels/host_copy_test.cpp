#include "kernels/host_copy.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

namespace moesim::kernels {
namespace {

/// A link of 1 GB/s each way, and a fault that the test chooses.
class GigabyteASecond final : public CopyDevice {
 public:
  enum class Fault { kNone, kLosesAPiece, kWrongWay, kSwapsPieces, kOneWayOnly };
  explicit GigabyteASecond(Fault fault = Fault::kNone) : fault_(fault) {}

  std::string name() const override { return "exact"; }
  std::string library() const override { return "none"; }
  std::size_t cache_bytes() const override { return 50 * kMiB; }
  std::size_t memory_bytes() const override { return 2048 * kMiB; }
  bool has_link() const override { return true; }
  bool has_batch() const override { return true; }
  void prepare(std::size_t pool_bytes) override {
    pool_bytes_ = pool_bytes;
    if (pool_bytes > 4 * kMiB) return;  // for the clock alone, which needs no contents
    host_target_.assign(pool_bytes / 8, kUntouched);
    device_target_.assign(pool_bytes / 8, kUntouched);
  }
  void run(const CopyPoint& point, const std::vector<Piece>& pieces) override {
    const bool only_host = fault_ == Fault::kOneWayOnly && point.direction == Direction::kBoth;
    for (std::size_t p = fault_ == Fault::kLosesAPiece ? 1 : 0; p < pieces.size(); ++p) {
      const Piece& from = pieces[fault_ == Fault::kSwapsPieces ? pieces.size() - 1 - p : p];
      for (std::size_t i = 0; i < from.bytes / 8; ++i) {
        const std::size_t host = pieces[p].host / 8 + i, device = from.device / 8 + i;
        const bool swapped = fault_ == Fault::kWrongWay;
        if ((point.direction != Direction::kToHost && !only_host) != swapped)
          device_target_[device] = copied_word(host, kHostSeed);
        if ((point.direction != Direction::kToDevice) != swapped)
          host_target_[host] = copied_word(device, kDeviceSeed);
      }
    }
  }
  std::vector<std::uint64_t> target(Direction direction, HostMemory) override {
    return direction == Direction::kToDevice ? device_target_ : host_target_;
  }
  Sampler sampler(const CopyPoint& point, const std::vector<std::vector<Piece>>&) override {
    return {"exact", 1, [point] { return 1e-9 * static_cast<double>(point.bytes); }};
  }

 private:
  Fault fault_;
  std::size_t pool_bytes_ = 0;
  std::vector<std::uint64_t> host_target_, device_target_;
};

using CopyFault = GigabyteASecond::Fault;

CopyPoint scattered(Direction direction) {
  return {direction, HostMemory::kPinned, 1, 8, CopyMethod::kBatch, kMiB};
}

TEST(HostCopyCheck, AcceptsACorrectLink) {
  GigabyteASecond device;
  EXPECT_NO_THROW(check_copies(device));
}

TEST(HostCopyCheck, FindsEveryFault) {
  for (const CopyFault fault :
       {CopyFault::kLosesAPiece, CopyFault::kWrongWay, CopyFault::kSwapsPieces}) {
    GigabyteASecond device(fault);
    EXPECT_THROW(check_copy(device, scattered(Direction::kToDevice)), std::runtime_error);
    EXPECT_THROW(check_copy(device, scattered(Direction::kToHost)), std::runtime_error);
    EXPECT_THROW(check_copies(device), std::runtime_error);
  }
  GigabyteASecond one_way(CopyFault::kOneWayOnly);
  EXPECT_NO_THROW(check_copy(one_way, scattered(Direction::kToDevice)));
  EXPECT_THROW(check_copy(one_way, scattered(Direction::kBoth)), std::runtime_error);
}

TEST(HostCopyPieces, NeverOverlapWithinOrBetweenSets) {
  const std::size_t pool = 64 * kMiB;
  for (const std::size_t blocks : {std::size_t{1}, std::size_t{8}, std::size_t{64}}) {
    CopyPoint point = scattered(Direction::kToDevice);
    point.blocks = blocks;
    std::set<std::size_t> host, device;
    std::size_t count = 0;
    for (std::size_t set = 0; set < pool / point.bytes; ++set)
      for (const Piece& piece : pieces_of(point, pool, set)) {
        EXPECT_EQ(piece.bytes, point.bytes / blocks);
        EXPECT_EQ(piece.host % piece.bytes, 0U);
        EXPECT_LE(piece.host + piece.bytes, pool);
        EXPECT_LE(piece.device + piece.bytes, pool);
        host.insert(piece.host);
        device.insert(piece.device);
        ++count;
      }
    EXPECT_EQ(host.size(), count);
    EXPECT_EQ(device.size(), count);
  }
}

TEST(HostCopyPieces, ScatterBlocksAndCutRangesOverStreams) {
  const auto blocks = pieces_of(scattered(Direction::kToDevice), 64 * kMiB, 0);
  std::size_t neighbours = 0;
  for (std::size_t i = 1; i < blocks.size(); ++i)
    neighbours += blocks[i].host == blocks[i - 1].host + blocks[i].bytes ? 1 : 0;
  EXPECT_EQ(neighbours, 0U);
  const auto range = pieces_of(
      {Direction::kBoth, HostMemory::kPinned, 4, 1, CopyMethod::kSingle, kMiB}, 64 * kMiB, 2);
  ASSERT_EQ(range.size(), 4U);
  EXPECT_EQ(range[0].host, 2 * kMiB);
  EXPECT_EQ(range[3].host + range[3].bytes, 3 * kMiB);
}

TEST(HostCopyPlan, HasEveryKeyOnceAndKeepsTheLimits) {
  const GigabyteASecond device;
  Options options;
  std::set<std::tuple<Direction, HostMemory, std::size_t, std::size_t, CopyMethod, std::size_t>>
      keys;
  for (const CopyPoint& p : plan_copies(device, options)) {
    EXPECT_TRUE(keys.emplace(p.direction, p.memory, p.streams, p.blocks, p.method, p.bytes).second);
    EXPECT_FALSE(p.memory == HostMemory::kPageable && p.bytes > kLargestPageable);
  }
  // 8 sizes x 3 directions; 3 sizes x 3 directions x 2 counts of streams; 7 pageable sizes x 2
  // directions; 3 sizes x 2 directions x 2 counts of blocks x 2 methods.
  EXPECT_EQ(keys.size(), 24U + 18U + 14U + 24U);
  options.max_mib = 1;
  for (const CopyPoint& p : plan_copies(device, options)) EXPECT_LE(p.bytes, kMiB);
}

TEST(HostCopyRun, WritesTheBandwidthOfOneDirectionAndLeavesLongCopiesOut) {
  GigabyteASecond device;
  std::ostringstream out;
  run_host_copy(device, Options{}, out);
  std::istringstream lines(out.str());
  std::string line;
  std::getline(lines, line);
  std::size_t rows = 0;
  for (; std::getline(lines, line); ++rows) {
    EXPECT_NE(line.find(",ok,1e+09"), std::string::npos) << line;
    EXPECT_EQ(line.find(",67108864,"), std::string::npos) << "64 MiB take 67 ms: " << line;
  }
  // Of the 80 points those of 64, 256 and 1024 MiB: 5 + 5 + 6 + 8 + 3 are too long.
  EXPECT_EQ(rows, 80U - 27U);
}

}  // namespace
}  // namespace moesim::kernels
