#include "kernels/table.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>

namespace moesim::kernels {
namespace {

TEST(KernelTable, QuotesCellsThatNeedIt) {
  std::ostringstream out;
  Table table(out, {"device", "latency_us"});
  table.write({"Xeon, \"big\"", csv_number(1.0 / 3.0)});
  EXPECT_EQ(out.str(), "device,latency_us\n\"Xeon, \"\"big\"\"\",0.333333\n");
}

TEST(KernelTable, RefusesARowOfAnotherWidth) {
  std::ostringstream out;
  Table table(out, {"a", "b"});
  EXPECT_THROW(table.write({"1"}), std::logic_error);
}

TEST(KernelTable, RefusesAColumnNamedTwice) {
  std::ostringstream out;
  EXPECT_THROW(Table(out, {"n", "latency_us", "n"}), std::logic_error);
}

}  // namespace
}  // namespace moesim::kernels
