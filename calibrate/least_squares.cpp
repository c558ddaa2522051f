#include "calibrate/least_squares.hpp"

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

  const std::function<void(const Eigen::VectorXd&, Eigen::VectorXd&)>* log_ratios;
  int unknowns, points;

  int inputs() const { return unknowns; }
  int values() const { return points; }
  int operator()(const Eigen::VectorXd& x, Eigen::VectorXd& out) const {
    out.setZero(points);
    Eigen::VectorXd head(points);
    (*log_ratios)(x, head);
    for (Eigen::Index i = 0; i < points; ++i) out[i] = root_soft_l1(head[i]);
    return 0;
  }
};

}  // namespace

double minimise(Eigen::VectorXd& unknowns, int points,
                const std::function<void(const Eigen::VectorXd&, Eigen::VectorXd&)>& log_ratios) {
  const Residuals residuals{&log_ratios, static_cast<int>(unknowns.size()), points};
  Eigen::NumericalDiff<Residuals> with_gradient(residuals, 1e-10);
  Eigen::LevenbergMarquardt<Eigen::NumericalDiff<Residuals>> solver(with_gradient);
  solver.parameters.maxfev = 2000;
  solver.minimize(unknowns);
  Eigen::VectorXd out(points);
  residuals(unknowns, out);
  return out.squaredNorm() / points;
}

}  // namespace moesim
