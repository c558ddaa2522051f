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
#include <utility>
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
    std::size_t near = 0;  ///< on the axis: where the last lookup was
  };
  Prepared& prepare(std::int64_t n, std::int64_t k) const;
  std::vector<std::int64_t> m_;
  std::vector<double> log_m_;
  std::vector<Curve> curves_;
  mutable std::vector<Prepared> prepared_;
};

/// Routed experts: for each measured family, curves over the number of assigned rows, one per
/// distribution; between them by how the rows lie on the experts and by the mean rows of an expert
/// of the model, by which libraries choose their kernels. They do so at powers of two: between two
/// points a share of the change, which the fit found, goes by the power of two. Two models that
/// leave a rank the same work are two families: autotuned kernels take up to 2.5 times as long for
/// one as for the other (B200, bf16 CUTLASS, hidden 4096, intermediate 64, 256 experts: 334 and 130
/// us).
class ExpertsResidual {
 public:
  struct Point {
    float log_assigned = 0, log_most = 0, log_active = 0, log_ratio = 0;
    std::int32_t tokens = 0;  ///< that the kernel is given; 0: not known
  };
  struct Family {
    std::int64_t hidden = 0, intermediate = 0, local = 0;
    std::int64_t experts = 0, topk = 0;  ///< of the model; 0: not known
    auto operator<=>(const Family&) const = default;
  };
  static Family family_of(const ExpertWork& work);
  using Curves = std::vector<std::vector<Point>>;  ///< points ascending in log_assigned
  ExpertsResidual() = default;
  struct Shares {
    double neighbours = 1;  ///< of what others say that a family takes which was not measured, 0-1
    double steps = 0;       ///< of a change between two points that goes by powers of two, 0 to 1
  };
  ExpertsResidual(std::map<Family, Curves> families, Shares shares);
  bool empty() const { return families_.empty(); }
  const std::map<Family, Curves>& families() const { return families_; }
  /// Whether this work's own family was measured.
  bool knows(const ExpertWork& work) const { return prepare(family_of(work)).known; }
  Residual at(const ExpertWork& work, const ExpertLoad& load) const;

 private:
  /// Families and their weights.
  using Near = std::vector<std::pair<const std::pair<const Family, Curves>*, double>>;
  /// A curve between two of its points, or beyond an end, where it goes on level.
  struct Piece {
    double from = 0, to = 0;  ///< log_assigned
    double start = 0;         ///< where the values below hold; each then changes by its slope
    double most = 0, most_slope = 0, active = 0, active_slope = 0, mean = 0, mean_slope = 0;
    double ratio = 0, ratio_slope = 0;
    int step = 0, steps = 0;  ///< power of two of the rows at `from`, how many more at `to`
    double per_step = 0;      ///< change of the ratio with each of them
  };
  /// Rows of a rank as curves are looked up by; natural logarithms.
  struct Place {
    double assigned = 0, most = 0, active = 0;
    double mean = 0;  ///< rows of an expert, over the model
    int step = 0;     ///< the power of two that holds the mean rows
  };
  struct Path {
    std::vector<Piece> pieces;
    std::size_t last = 0;  ///< where the lookup before this one was: the next is near it
  };
  struct Paths {
    double weight = 0;
    std::vector<Path> of_family;
  };
  struct Prepared {
    Family wanted;
    std::vector<Paths> near;
    bool known = false;
  };
  static Place place_of(const Family& family, const ExpertLoad& load, std::int64_t tokens);
  static Path path_along(const Family& family, const std::vector<Point>& curve);
  Residual in_family(std::vector<Path>& paths, const Place& place) const;
  Near measured(const Family& family) const;
  Near neighbours_of(const Family& family) const;
  Prepared& prepare(const Family& family) const;
  std::map<Family, Curves> families_;
  Shares shares_;
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
    /// On the axes: where the last lookup was, and its ways of equal tokens.
    std::size_t near_batch = 0, near_length = 0, near_more = 0, near_fewer = 0;
  };
  Prepared& prepare(const Shape& shape) const;
  std::vector<std::int64_t> batch_, length_;
  std::vector<double> log_batch_, log_length_;
  std::vector<Grid> grids_;
  mutable std::vector<Prepared> prepared_;
};

}  // namespace moesim
