#include "sim/placement/integer_programme.hpp"

#include <coin/Cbc_C_Interface.h>

#include <numeric>
#include <string>

#include "sim/core/error.hpp"

namespace moesim {
namespace {

/// A minimisation with the columns added first, then the rows.
class Programme {
 public:
  explicit Programme(double gap) : model_(Cbc_newModel()) {
    Cbc_setLogLevel(model_, 0);
    Cbc_setParameter(model_, "ratioGap", std::to_string(gap).c_str());
    Cbc_setParameter(model_, "randomSeed", "1");
  }
  Programme(const Programme&) = delete;
  Programme& operator=(const Programme&) = delete;
  ~Programme() { Cbc_deleteModel(model_); }

  int binary() { return column(1, 0, true); }
  int positive(double objective) { return column(1e30, objective, false); }
  void row(const std::vector<int>& columns, const std::vector<double>& factors, char sense,
           double right) {
    Cbc_addRow(model_, "r", static_cast<int>(columns.size()), columns.data(), factors.data(), sense,
               right);
  }
  std::vector<double> solve() {
    Cbc_solve(model_);
    const double* values = Cbc_getColSolution(model_);
    if (values == nullptr || Cbc_isProvenInfeasible(model_) != 0)
      throw InputError("the placement has no solution: CBC finds the programme infeasible");
    return {values, values + columns_};
  }

 private:
  int column(double upper, double objective, bool integer) {
    Cbc_addCol(model_, ("x" + std::to_string(columns_)).c_str(), 0, upper, objective,
               integer ? 1 : 0, 0, nullptr, nullptr);
    return columns_++;
  }
  Cbc_Model* model_;
  int columns_ = 0;
};

}  // namespace

std::vector<std::int32_t> balanced_clusters(std::span<const double> load,
                                            std::span<const std::int64_t> room, double gap) {
  Programme programme(gap);
  const auto experts = load.size(), clusters = room.size();
  std::vector<int> x;
  for (std::size_t i = 0; i < experts * clusters; ++i) x.push_back(programme.binary());
  const double mean =
      std::accumulate(load.begin(), load.end(), 0.0) / static_cast<double>(clusters);
  std::vector<int> over, under;
  for (std::size_t c = 0; c < clusters; ++c) {
    over.push_back(programme.positive(1));
    under.push_back(programme.positive(1));
  }
  for (std::size_t e = 0; e < experts; ++e)
    programme.row({x.begin() + static_cast<std::ptrdiff_t>(e * clusters),
                   x.begin() + static_cast<std::ptrdiff_t>((e + 1) * clusters)},
                  std::vector<double>(clusters, 1), 'E', 1);
  for (std::size_t c = 0; c < clusters; ++c) {
    std::vector<int> columns;
    for (std::size_t e = 0; e < experts; ++e) columns.push_back(x[e * clusters + c]);
    programme.row(columns, std::vector<double>(experts, 1), 'E', static_cast<double>(room[c]));
    std::vector<double> factors(load.begin(), load.end());
    columns.insert(columns.end(), {over[c], under[c]});
    factors.insert(factors.end(), {-1, 1});
    programme.row(columns, factors, 'E', mean);
  }
  const auto values = programme.solve();
  std::vector<std::int32_t> cluster(experts, 0);
  for (std::size_t e = 0; e < experts; ++e)
    for (std::size_t c = 0; c < clusters; ++c)
      if (values[e * clusters + c] > 0.5) cluster[e] = static_cast<std::int32_t>(c);
  return cluster;
}

std::vector<std::int32_t> assign_clusters(std::span<const double> traffic,
                                          std::span<const double> cost, std::size_t gpus,
                                          double gap) {
  Programme programme(gap);
  std::vector<int> x;  // [cluster x GPU]
  for (std::size_t i = 0; i < gpus * gpus; ++i) x.push_back(programme.binary());
  const int worst = programme.positive(1);
  for (std::size_t i = 0; i < gpus; ++i) {
    std::vector<int> of_cluster, of_gpu;
    for (std::size_t j = 0; j < gpus; ++j) {
      of_cluster.push_back(x[i * gpus + j]);
      of_gpu.push_back(x[j * gpus + i]);
    }
    programme.row(of_cluster, std::vector<double>(gpus, 1), 'E', 1);
    programme.row(of_gpu, std::vector<double>(gpus, 1), 'E', 1);
  }
  for (std::size_t from = 0; from < gpus; ++from)
    for (std::size_t to = 0; to < gpus; ++to) {
      std::vector<int> columns;
      std::vector<double> factors;
      for (std::size_t c = 0; c < gpus; ++c) {
        columns.push_back(x[c * gpus + to]);
        factors.push_back(traffic[from * gpus + c] * cost[from * gpus + to]);
      }
      columns.push_back(worst);
      factors.push_back(-1);
      programme.row(columns, factors, 'L', 0);
    }
  const auto values = programme.solve();
  std::vector<std::int32_t> gpu(gpus, 0);
  for (std::size_t c = 0; c < gpus; ++c)
    for (std::size_t g = 0; g < gpus; ++g)
      if (values[c * gpus + g] > 0.5) gpu[c] = static_cast<std::int32_t>(g);
  return gpu;
}

}  // namespace moesim
