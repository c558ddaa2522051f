#include "sim/core/quantity.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

namespace moesim {
namespace {

static_assert(std::is_same_v<decltype(Bytes(1) / BytesPerSecond(1)), Seconds>);
static_assert(std::is_same_v<decltype(FlopPerSecond(1) * Seconds(1)), Flop>);
static_assert(std::is_same_v<decltype(Bytes(1) / Bytes(1)), double>);

struct Written {
  const char* text;
  Dimension dimension;
  double si;
};

std::string refusal(std::string_view text, Dimension dimension) {
  try {
    parse_quantity(text, dimension);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(Quantity, ReadsEveryUnit) {
  const std::vector<Written> table = {{"2 h", Dimension::kTime, 7200},
                                      {"1.5 min", Dimension::kTime, 90},
                                      {"3 s", Dimension::kTime, 3},
                                      {"25 ms", Dimension::kTime, 0.025},
                                      {"3.2 us", Dimension::kTime, 3.2e-6},
                                      {"7 ns", Dimension::kTime, 7e-9},
                                      {"5 B", Dimension::kBytes, 5},
                                      {"5 kB", Dimension::kBytes, 5e3},
                                      {"5 MB", Dimension::kBytes, 5e6},
                                      {"5 GB", Dimension::kBytes, 5e9},
                                      {"5 TB", Dimension::kBytes, 5e12},
                                      {"5 PB", Dimension::kBytes, 5e15},
                                      {"3 KiB", Dimension::kBytes, 3072},
                                      {"3 MiB", Dimension::kBytes, 3145728},
                                      {"80 GiB", Dimension::kBytes, 85899345920.0},
                                      {"1 TiB", Dimension::kBytes, 1099511627776.0},
                                      {"1 PiB", Dimension::kBytes, 1125899906842624.0},
                                      {"8 B/s", Dimension::kBandwidth, 8},
                                      {"900 GB/s", Dimension::kBandwidth, 900e9},
                                      {"3.35 TB/s", Dimension::kBandwidth, 3.35e12},
                                      {"1 KiB/s", Dimension::kBandwidth, 1024},
                                      {"2 GiB/s", Dimension::kBandwidth, 2147483648.0},
                                      {"400 Gbit/s", Dimension::kBandwidth, 50e9},
                                      {"8 bit/s", Dimension::kBandwidth, 1},
                                      {"2 TFLOP", Dimension::kWork, 2e12},
                                      {"1 FLOP", Dimension::kWork, 1},
                                      {"989 TFLOP/s", Dimension::kCompute, 989e12},
                                      {"1 PFLOPS", Dimension::kCompute, 1e15},
                                      {"4 /s", Dimension::kRate, 4},
                                      {"4 req/s", Dimension::kRate, 4},
                                      {"4 tok/s", Dimension::kRate, 4},
                                      {"4 Hz", Dimension::kRate, 4},
                                      {"30 /min", Dimension::kRate, 0.5},
                                      {"30 req/min", Dimension::kRate, 0.5},
                                      {"1800 /h", Dimension::kRate, 0.5},
                                      {"1800 req/h", Dimension::kRate, 0.5}};
  for (const auto& [text, dimension, si] : table)
    EXPECT_DOUBLE_EQ(parse_quantity(text, dimension), si) << text;
}

TEST(Quantity, TakesTheUnitWithOrWithoutBlanksAndAnyNotationOfTheNumber) {
  for (const char* text : {"900GB/s", "900 GB/s", "900   GB/s", "9e2 GB/s", "900.0 GB/s"})
    EXPECT_DOUBLE_EQ(parse_quantity(text, Dimension::kBandwidth), 900e9) << text;
  EXPECT_DOUBLE_EQ(parse_quantity("-4 /s", Dimension::kRate), -4);
}

TEST(Quantity, RefusesANumberWithoutItsUnit) {
  EXPECT_EQ(refusal("900", Dimension::kBandwidth),
            "'900' has no unit; a bandwidth is written like '900 GB/s'");
  EXPECT_EQ(refusal("80", Dimension::kBytes),
            "'80' has no unit; a number of bytes is written like '80 GiB'");
}

TEST(Quantity, RefusesAUnitOfAnotherDimension) {
  EXPECT_EQ(refusal("20 GB/s", Dimension::kRate),
            "'20 GB/s' is a bandwidth, but a rate belongs here (like '4 /s')");
  EXPECT_EQ(refusal("80 GB", Dimension::kBandwidth),
            "'80 GB' is a number of bytes, but a bandwidth belongs here (like '900 GB/s')");
}

TEST(Quantity, SuggestsTheNearestUnitForAnUnknownOne) {
  EXPECT_NE(refusal("3 uss", Dimension::kTime).find("did you mean 'us'?"), std::string::npos);
  EXPECT_NE(
      refusal("900 Gb/s", Dimension::kBandwidth).find("unknown unit 'Gb/s'; did you mean 'GB/s'?"),
      std::string::npos);
  EXPECT_NE(refusal("3 1 s", Dimension::kTime).find("unknown unit '1 s'"), std::string::npos);
}

TEST(Quantity, RefusesWhatIsNoFiniteNumber) {
  for (const char* text :
       {"", " ", "GB", "nan s", "inf s", "-inf s", "1e400 s", "0x10 s", "+3 s", "."})
    EXPECT_NE(refusal(text, Dimension::kTime), "") << text;
}

TEST(Quantity, RefusesANumberThatItsUnitMakesInfinite) {
  EXPECT_EQ(refusal("1e308 PB", Dimension::kBytes), "1e308 PB is out of range");
}

TEST(Quantity, FormatsInAReadableUnit) {
  EXPECT_EQ(format_quantity(900e9, Dimension::kBandwidth), "900 GB/s");
  EXPECT_EQ(format_quantity(3.2e-6, Dimension::kTime), "3.2 us");
  EXPECT_EQ(format_quantity(0, Dimension::kTime), "0 s");
  EXPECT_EQ(format_quantity(4, Dimension::kRate), "4 /s");
  EXPECT_EQ(format_quantity(989e12, Dimension::kCompute), "989 TFLOP/s");
}

TEST(Quantity, ReadsBackExactlyWhatItFormats) {
  const bool holds = rc::check("format then parse is the identity", [](std::uint64_t bits) {
    const double value = std::bit_cast<double>(bits);
    RC_PRE(std::isfinite(value) && std::abs(value) < 1e290);
    for (const auto dimension : {Dimension::kTime, Dimension::kBytes, Dimension::kWork,
                                 Dimension::kBandwidth, Dimension::kCompute, Dimension::kRate})
      RC_ASSERT(parse_quantity(format_quantity(value, dimension), dimension) == value);
  });
  EXPECT_TRUE(holds);
}

TEST(Quantity, ReadsBackMagnitudesOfPracticeToo) {
  const bool holds = rc::check("any decimal number in any unit", [] {
    const auto mantissa = *rc::gen::inRange<std::int64_t>(0, 1'000'000);
    const auto exponent = *rc::gen::inRange(-12, 19);
    const double value = static_cast<double>(mantissa) * std::pow(10.0, exponent);
    for (const auto dimension : {Dimension::kTime, Dimension::kBytes, Dimension::kBandwidth})
      RC_ASSERT(parse_quantity(format_quantity(value, dimension), dimension) == value);
  });
  EXPECT_TRUE(holds);
}

TEST(Quantity, ItsExamplesAreOfItsDimension) {
  for (const auto dimension : {Dimension::kTime, Dimension::kBytes, Dimension::kWork,
                               Dimension::kBandwidth, Dimension::kCompute, Dimension::kRate})
    EXPECT_GT(parse_quantity(dimension_example(dimension), dimension), 0);
}

}  // namespace
}  // namespace moesim
