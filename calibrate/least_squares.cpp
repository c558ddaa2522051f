#include "calibrate/least_squares.hpp"

#include <Eigen/Core>
#include <unsupported/Eigen/NonLinearOptimization>
#include <unsupported/Eigen/NumericalDiff>

namespace moesim {
namespace {

/// Square root of the soft-L1 loss, with the sign of the error: its square is what is minimised.
double root_soft_l1(double log_ratio) {
  constexpr double scale = 0.1;
  const double z = log_ratio / scale;
  const double root = scale * std::sqrt(2 * (std::sqrt(1 + z * z) - 1));
  return log_ratio < 0 ? -root : root;
}

struct Residuals {
  using Scalar = double;
  using InputType = Eigen::VectorXd;
  using ValueType = Eigen::VectorXd;
  using JacobianType = Eigen::MatrixXd;
  enum { InputsAtCompileTime = Eigen::Dynamic, ValuesAtCompileTime = Eigen::Dynamic };

  const LogRatios* log_ratios;
  int unknowns, points;

  int inputs() const { return unknowns; }
  int values() const { return points; }
  int operator()(const Eigen::VectorXd& x, Eigen::VectorXd& out) const {
    out.setZero(points);
    std::vector<double> head(static_cast<std::size_t>(points));
    (*log_ratios)({x.data(), static_cast<std::size_t>(x.size())}, head);
    for (Eigen::Index i = 0; i < points; ++i)
      out[i] = root_soft_l1(head[static_cast<std::size_t>(i)]);
    return 0;
  }
};

}  // namespace

double minimise(std::vector<double>& unknowns, std::size_t points, const LogRatios& log_ratios) {
  Eigen::VectorXd x =
      Eigen::Map<Eigen::VectorXd>(unknowns.data(), static_cast<Eigen::Index>(unknowns.size()));
  const Residuals residuals{&log_ratios, static_cast<int>(x.size()), static_cast<int>(points)};
  Eigen::NumericalDiff<Residuals> with_gradient(residuals, 1e-10);
  Eigen::LevenbergMarquardt<Eigen::NumericalDiff<Residuals>> solver(with_gradient);
  solver.parameters.maxfev = 2000;
  solver.minimize(x);
  std::copy(x.begin(), x.end(), unknowns.begin());
  Eigen::VectorXd out(static_cast<Eigen::Index>(points));
  residuals(x, out);
  return out.squaredNorm() / static_cast<double>(points);
}

}  // namespace moesim
