// Traffic from a file: columns src, dst, bytes, one message per row.
#include <fmt/format.h>

#include "sim/core/csv.hpp"
#include "sim/core/input_path.hpp"
#include "sim/transport/collective.hpp"

namespace moesim {
namespace {

class Matrix final : public Collective {
 public:
  struct Config {
    std::optional<InputPath> file;
    static const Parameters<Config>& parameters() {
      static const auto list = Parameters<Config>().optional(
          "file", &Config::file, "CSV with the columns src, dst (ranks of the group) and bytes");
      return list;
    }
  };

  Matrix(const Config& config, const Context& context) : config_(config), context_(context) {}

  std::vector<CollectiveStep> steps() const override {
    if (!config_.file) throw InputError("a matrix needs a file: {type: matrix, file: PATH}");
    const auto table = read_csv(config_.file->path);
    const auto from = table.column("src"), to = table.column("dst"), bytes = table.column("bytes");
    CollectiveStep step;
    const auto rank = [&](std::size_t row, std::size_t column) {
      const auto value = table.integer(row, column);
      if (value < 0 || value >= context_.ranks)
        throw InputError(table.at(row, column),
                         fmt::format("rank {} is outside the group, whose {} ranks are 0 to {}",
                                     value, context_.ranks, context_.ranks - 1));
      return static_cast<int>(value);
    };
    for (std::size_t r = 0; r < table.rows(); ++r) {
      const double amount = table.number(r, bytes);
      if (amount < 0) throw InputError(table.at(r, bytes), "bytes below zero");
      if (rank(r, from) != rank(r, to) && amount > 0)
        step.flows.push_back({rank(r, from), rank(r, to), amount});
    }
    return {step};
  }

 private:
  Config config_;
  Context context_;
};

const Register<Collective, Matrix> matrix_registered("matrix", "messages from a CSV file");

}  // namespace
}  // namespace moesim
