// Operation gemm: dense products d [m x n] = x [m x k] * weights [n x k]^T, as the projections of a
// model need them, with cold weights. On a GPU through cublasLt, once with the algorithm that its
// heuristic names first and once with the fastest of the first four; on a CPU through Eigen.
//
// Does not model: epilogues (bias, activation), quantisation of the inputs, more than one GPU.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/bench_device.hpp"
#include "kernels/fp8_scales.hpp"
#include "kernels/moe_reference.hpp"
#include "kernels/shuffle.hpp"

namespace moesim::kernels {

struct GemmPoint {
  std::string dtype;
  std::size_t m = 0, n = 0, k = 0;
  std::string algo = "heuristic";  ///< or best_of_4

  std::vector<std::string> key_cells() const {
    return {"gemm", dtype, std::to_string(m), std::to_string(n), std::to_string(k), algo};
  }
};

inline std::vector<std::string> gemm_columns() {
  return columns_with_values({"op", "dtype", "m", "n", "k", "algo"});
}

/// x is input_value(), the weights of set s weight_value() with indices that continue those of set
/// s-1; both times the scales of fp8_scales.hpp, which all sets share.
class GemmDevice : public BenchDevice {
 public:
  /// What it can try; supports() says whether it can do a point.
  virtual std::vector<std::string> dtypes() const = 0;
  virtual bool supports(const GemmPoint& point) = 0;
  virtual std::string library(const GemmPoint& point) const = 0;
  virtual void prepare(const GemmPoint& point, std::uint64_t seed) = 0;
  /// One pass over set 0, row by row.
  virtual std::vector<float> result(const GemmPoint& point) = 0;
  virtual Sampler sampler(const GemmPoint& point) = 0;
};

/// fp8_block keeps values as fp8 does.
inline std::string stored_dtype(const std::string& dtype) {
  return dtype == "fp8_block" ? "fp8" : dtype;
}

/// Throws when a product, with few rows or many, differs from loops over doubles. False when the
/// device can do none of them.
inline bool check_gemm(GemmDevice& device, const std::string& dtype, const std::string& algo,
                       std::uint64_t seed) {
  bool checked = false;
  for (const std::size_t m : {std::size_t{1}, std::size_t{48}, std::size_t{200}}) {
    const GemmPoint point{dtype, m, 256, 512, algo};
    if (!device.supports(point)) continue;
    device.prepare(point, seed);
    const auto stored = [&](float value) {
      return static_cast<double>(device.stored(stored_dtype(dtype), value));
    };
    std::vector<double> x(point.m * point.k), weights(point.n * point.k);
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = stored(input_value(i, seed)) *
             static_cast<double>(x_scale(dtype, i / point.k, i % point.k / kScaleBlock, seed));
    for (std::size_t i = 0; i < weights.size(); ++i)
      weights[i] =
          stored(weight_value(i, seed)) *
          static_cast<double>(weights_scale(dtype, i / point.k, i % point.k / kScaleBlock, seed));
    std::vector<double> expected(point.m * point.n, 0);
    for (std::size_t i = 0; i < expected.size(); ++i)
      for (std::size_t l = 0; l < point.k; ++l)
        expected[i] += x[i / point.n * point.k + l] * weights[i % point.n * point.k + l];
    check_rows("gemm " + dtype + " (" + algo + ")", device.result(point), expected, point.n,
               tolerance_of(dtype));
    checked = true;
  }
  return checked;
}

/// (n, k) of projections: DeepSeek-V3 (both MLA down-projections together, query up, output, gate
/// and up of a shared expert, its down, down of a dense layer), Qwen3-235B-A22B and Qwen3-30B-A3B
/// (qkv, output), Mixtral-8x7B (qkv, output, gate and up of an expert, its down). Computed from the
/// config.json of each model on https://huggingface.co.
inline std::vector<std::pair<std::size_t, std::size_t>> gemm_cuda_widths() {
  return {{2112, 7168},  {24576, 1536}, {7168, 16384}, {4096, 7168}, {7168, 2048},
          {7168, 18432}, {9216, 4096},  {4096, 8192},  {5120, 2048}, {2048, 4096},
          {6144, 4096},  {4096, 4096},  {28672, 4096}, {4096, 14336}};
}

/// Of the size of the layers that one CPU thread can execute.
inline std::vector<std::pair<std::size_t, std::size_t>> gemm_cpu_widths() {
  return {{256, 256}, {512, 256}, {768, 384}, {512, 512}, {1024, 512}, {512, 2048}, {1024, 1024}};
}

/// What a choice among four gains changes slowly with m: every other power of two shows it.
constexpr bool also_best_of_4(std::size_t m) {
  while (m >= 4) m /= 4;
  return m == 1;
}

/// The dtypes whose results are right. One that is wrong or cannot be checked is left out and named
/// on stderr, so that it does not cost the others their rows; the first, which every device has,
/// must be right.
inline std::vector<std::string> checked_dtypes(GemmDevice& device, std::uint64_t seed) {
  std::vector<std::string> right;
  for (const std::string& dtype : device.dtypes()) try {
      bool checked = check_gemm(device, dtype, "heuristic", seed);
      if (checked && device.kind() == DeviceKind::kCuda)
        checked = check_gemm(device, dtype, "best_of_4", seed);
      if (!checked) throw std::runtime_error("gemm " + dtype + ": not supported");
      right.push_back(dtype);
    } catch (const std::runtime_error& error) {
      if (right.empty()) throw;
      std::cerr << error.what() << "; " << dtype << " is left out\n";
    }
  return right;
}

inline std::vector<GemmPoint> plan_gemm(GemmDevice& device, const std::vector<std::string>& dtypes,
                                        const Options& options) {
  const bool cpu = device.kind() == DeviceKind::kCpu;
  std::vector<std::size_t> rows;
  for (std::size_t m = 1; m <= (cpu ? 256U : 8192U); m *= 2) rows.push_back(m);
  auto widths = cpu ? gemm_cpu_widths() : gemm_cuda_widths();
  if (options.short_mode) {
    rows = {1, 64};
    widths.resize(1);
  }
  std::vector<GemmPoint> points;
  for (const std::string& dtype : dtypes) {
    std::size_t unsupported = 0;
    const double element = dtype == "fp32" ? 4 : dtype == "bf16" ? 2 : 1;
    for (const auto& [n, k] : widths)
      for (const std::size_t m : rows) {
        const GemmPoint point{dtype, m, n, k};
        const double weights = static_cast<double>(n * k) * element;
        const double need = weights + std::max(weights, static_cast<double>(device.cold_bytes())) +
                            static_cast<double>(m * (n + k)) * std::max(element, 2.0);
        if (need > static_cast<double>(device.memory_bytes()) ||
            weights > options.max_mib * 1048576)
          continue;
        if (!device.supports(point)) {
          ++unsupported;
          continue;
        }
        points.push_back(point);
        if (cpu || !also_best_of_4(m)) continue;
        points.push_back(point);
        points.back().algo = "best_of_4";
      }
    if (unsupported > 0)
      std::cerr << "gemm: " << unsupported << " products in " << dtype
                << " left out, not supported by " << device.name() << " and its library\n";
  }
  shuffle_points(points, options.seed);
  return points;
}

/// The grid has more than a thousand points.
inline TimingPolicy gemm_policy(const GemmDevice& device, const Options& options) {
  return brief(device.policy(options.short_mode));
}

inline void run_gemm(GemmDevice& device, const Options& options, std::ostream& out) {
  const auto points = plan_gemm(device, checked_dtypes(device, options.seed), options);
  if (points.empty()) throw std::runtime_error("no product fits in memory and below --max-mib");
  Table table(out, gemm_columns());
  measure_points(device, points, options, gemm_policy(device, options), table);
}

}  // namespace moesim::kernels
