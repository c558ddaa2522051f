// The table of measured serving points (e2e/serving_measurements.csv of the reference data): one
// row per closed-loop benchmark of a real engine, with fixed lengths and the mean TTFT and TPOT
// that it reported. Rows as they are written; what they mean is for measured_scenario.hpp and
// measured_pools.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/error.hpp"

namespace moesim {

struct ServingMeasurement {
  Location where;  ///< its row
  std::string id, source;
  std::string backend;     ///< engine: trtllm, sglang, vllm
  std::string version;     ///< of the engine; empty: not recorded
  std::string model_path;  ///< Hugging Face id
  std::string system;      ///< GPU, e.g. h200_sxm
  std::string precision, mode, gemm_format, moe_format;
  std::int64_t input_tokens = 0, output_tokens = 0;
  /// As recorded; 0 where the cell is empty.
  std::int64_t batch = 0, tensor = 0, pipeline = 0, attention_data = 0, moe_tensor = 0,
               moe_expert = 0;
  /// Of disaggregated rows, as recorded.
  struct Pool {
    std::int64_t batch = 0, workers = 0, tensor = 0, pipeline = 0, attention_data = 0,
                 moe_tensor = 0, moe_expert = 0;
  };
  Pool prefill, decode;
  double ttft_s = 0, tpot_s = 0;  ///< means
};

/// Throws InputError at file:line:column for a missing column, a row of another width, or a cell
/// that is not the number it should be.
std::vector<ServingMeasurement> parse_serving_measurements(std::string_view text,
                                                           const std::string& file);

}  // namespace moesim
