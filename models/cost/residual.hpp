// What a form leaves over, as compact grids of log(measured / form): the difference between tier
// `fit` and tier `residual`. A grid interpolates between measured points and fades to nothing
// outside of them, so that far from any measurement the form alone speaks. Lookups remember what
// they prepared for a shape (the shapes of a run are few): not for several threads. Text form: one
// line per curve, whole numbers in thousandths of a natural logarithm.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "models/cost/work.hpp"

namespace moesim {

/// A grid's answer: the log ratio to apply, and whether measured points lie around the place.
struct Residual {
  double log_ratio = 0;
  bool inside = false;
};

/// Dense GEMM: curves over m for measured (n, k).
class GemmResidual {
 public:
  struct Curve {
    std::int64_t n = 0, k = 0;
    std::vector<float> log_ratio;  ///< one per m; NaN where nothing was measured
  };
  GemmResidual() = default;
  /// `m` ascending.
  GemmResidual(std::vector<std::int64_t> m, std::vector<Curve> curves);
  bool empty() const { return curves_.empty(); }
  const std::vector<std::int64_t>& m() const { return m_; }
  const std::vector<Curve>& curves() const { return curves_; }
  Residual at(std::int64_t m, std::int64_t n, std::int64_t k) const;

 private:
  struct Prepared {
    std::int64_t n = 0, k = 0;
    bool inside = false;
    std::vector<double> log_ratio;
  };
  const Prepared& prepare(std::int64_t n, std::int64_t k) const;
  std::vector<std::int64_t> m_;
  std::vector<double> log_m_;
  std::vector<Curve> curves_;
  mutable std::vector<Prepared> prepared_;
};

/// Routed experts: for each measured (hidden, intermediate, local experts), curves over the number
/// of assigned rows, one per distribution; between them by how the rows lie on the experts.
class ExpertsResidual {
 public:
  struct Point {
    float log_assigned = 0, log_most = 0, log_active = 0, log_ratio = 0;
  };
  using Family = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
  using Curves = std::vector<std::vector<Point>>;  ///< points ascending in log_assigned
  ExpertsResidual() = default;
  /// `neighbours`: how much of the residual near it a family that was not measured takes, 0 to 1.
  ExpertsResidual(std::map<Family, Curves> families, double neighbours);
  bool empty() const { return families_.empty(); }
  const std::map<Family, Curves>& families() const { return families_; }
  Residual at(const ExpertWork& work, const ExpertLoad& load) const;

 private:
  struct Prepared {
    Family wanted;
    std::vector<std::pair<const Curves*, double>> near;  ///< families and their weights
    bool known = false;
  };
  const Prepared& prepare(const Family& family) const;
  std::map<Family, Curves> families_;
  double neighbours_ = 0;
  mutable std::vector<Prepared> prepared_;
};

/// Attention: for each measured head shape a grid over (sequences, length).
class AttentionResidual {
 public:
  using Shape = std::tuple<std::int64_t, std::int64_t>;  ///< heads, KV heads
  struct Grid {
    Shape shape;
    std::vector<float> log_ratio;  ///< batch-major; NaN where nothing was measured
  };
  AttentionResidual() = default;
  AttentionResidual(std::vector<std::int64_t> batch, std::vector<std::int64_t> length,
                    std::vector<Grid> grids);
  bool empty() const { return grids_.empty(); }
  const std::vector<std::int64_t>& batch() const { return batch_; }
  const std::vector<std::int64_t>& length() const { return length_; }
  const std::vector<Grid>& grids() const { return grids_; }
  Residual at(std::int64_t heads, std::int64_t kv_heads, double batch, double length) const;

 private:
  struct Prepared {
    Shape shape;
    bool inside = false;
    std::vector<double> log_ratio;
    std::vector<char> measured;
  };
  const Prepared& prepare(const Shape& shape) const;
  std::vector<std::int64_t> batch_, length_;
  std::vector<double> log_batch_, log_length_;
  std::vector<Grid> grids_;
  mutable std::vector<Prepared> prepared_;
};

}  // namespace moesim
