#include <gtest/gtest.h>

#include "models/architecture/precision.hpp"

namespace moesim {
namespace {

TEST(Precision, StoresWeightsWithTheirScales) {
  EXPECT_DOUBLE_EQ(stored_bits(Dtype::bf16), 16);
  EXPECT_DOUBLE_EQ(stored_bits(Dtype::fp8), 8.001953125);
  EXPECT_DOUBLE_EQ(stored_bits(Dtype::mxfp4), 4.25);
  EXPECT_DOUBLE_EQ(stored_bits(Dtype::nvfp4), 4.5);
  EXPECT_DOUBLE_EQ(stored_bits(Dtype::int4), 4.125);
  for (std::size_t i = 0; i < names_of(Dtype{}).size(); ++i) {
    const auto dtype = static_cast<Dtype>(i);
    EXPECT_GE(stored_bits(dtype), element_bits(dtype)) << name_of(dtype);
    EXPECT_GE(element_bits(dtype), 2) << name_of(dtype);
  }
}

TEST(Precision, IsOverriddenPartByPart) {
  Precision model;
  model.experts = Dtype::mxfp4;
  const auto node = parse_yaml("{weights: fp8, attention: bf16, kv_cache: fp8}", "scenario.yaml");
  const auto precision = PrecisionOverride::parameters().read(node).apply_to(model);
  EXPECT_EQ(precision.attention, Dtype::bf16) << "the single part wins over `weights`";
  EXPECT_EQ(precision.experts, Dtype::fp8);
  EXPECT_EQ(precision.shared, Dtype::fp8);
  EXPECT_EQ(precision.kv_cache, Dtype::fp8);
  EXPECT_EQ(precision.embedding, Dtype::bf16);
  EXPECT_EQ(PrecisionOverride{}.apply_to(model), model);
}

TEST(Precision, ReadsBackWhatItWrites) {
  Precision precision;
  precision.experts = Dtype::nvfp4;
  precision.router = Dtype::fp32;
  const auto& parameters = Precision::parameters();
  EXPECT_EQ(parameters.read(parameters.write(precision)), precision);
}

}  // namespace
}  // namespace moesim
