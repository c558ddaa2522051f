// Which tiles a fit of attention finds, and what the form makes of them.
#include <gtest/gtest.h>

#include "calibrate/fit.hpp"
#include "models/cost/predict.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"

namespace moesim {
namespace {

AttentionSample row(bool decode, std::int64_t heads, std::int64_t batch, std::int64_t length) {
  AttentionSample s;
  s.decode = decode;
  s.shape.heads = heads, s.shape.kv_heads = heads / 4, s.shape.head_dim = 128;
  s.batch = batch, s.length = length;
  return s;
}

/// Rows that take as long as `form` says, by `work(sample)`.
template <class Form, class Work>
std::vector<AttentionSample> rows_of(bool decode, const Form& form, const Peaks& peaks, Work work) {
  std::vector<AttentionSample> rows;
  for (const std::int64_t heads : {8, 32, 64})
    for (const std::int64_t batch : {1, 8, 64})
      for (std::int64_t length = 16; length <= 8192; length *= 2) {
        auto s = row(decode, heads, batch, length);
        s.time_s = form.time_s(work(s), peaks);
        rows.push_back(s);
      }
  return rows;
}

class AttentionTiles : public ::testing::Test {
 protected:
  Device device_ = load_device(data_path("models/device"), "h100-sxm");
  Peaks peaks_ = peaks_of(device_, Dtype::bf16);
};

TEST_F(AttentionTiles, OfDecodingAreThoseThatExplainTheTimes) {
  DecodeForm form;
  form.tile = 128, form.split = 512;
  const auto rows = rows_of(true, form, peaks_, [&](const AttentionSample& s) {
    return decode_work(s.shape, s.load(), form);
  });
  const auto fit = fit_decode(rows, device_);
  EXPECT_EQ(fit.form.tile, 128);
  EXPECT_EQ(fit.form.split, 512);
}

TEST_F(AttentionTiles, OfPrefillingAreThoseThatExplainTheTimes) {
  PrefillForm form;
  form.tile = 64, form.small_tile = 16;
  const auto rows = rows_of(false, form, peaks_, [&](const AttentionSample& s) {
    return prefill_work(s.shape, s.load(), form);
  });
  const auto fit = fit_prefill(rows, device_);
  EXPECT_EQ(fit.form.tile, 64);
  EXPECT_EQ(fit.form.small_tile, 16);
}

TEST_F(AttentionTiles, OfDecodingAreReadWhole) {
  DecodeForm form;
  form.tile = 128, form.split = 512;
  const auto time_s = [&](std::int64_t length) {
    const auto s = row(true, 32, 64, length);
    return form.time_s(decode_work(s.shape, s.load(), form), peaks_);
  };
  EXPECT_EQ(time_s(1), time_s(128));
  EXPECT_GT(time_s(129), 1.2 * time_s(128));
  EXPECT_EQ(time_s(129), time_s(256));
}

}  // namespace
}  // namespace moesim
