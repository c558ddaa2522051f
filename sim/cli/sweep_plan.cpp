#include "sim/cli/sweep_plan.hpp"

#include <optional>

#include "sim/sweep/point_key.hpp"

namespace moesim {
namespace {

/// For every value of every axis: whether some combination with it could be read, and the first
/// error otherwise.
class ValueCheck {
 public:
  explicit ValueCheck(const SweepFile& file) {
    for (const auto& axis : file.axes) values_.emplace_back(axis.values.size());
  }
  void note(const std::vector<int>& choice, const std::optional<InputError>& error) {
    for (std::size_t a = 0; a < choice.size(); ++a) {
      auto& value = values_[a][static_cast<std::size_t>(choice[a])];
      value.readable = value.readable || !error;
      if (error && !value.error) value.error = error;
    }
  }
  void finish() const {
    for (const auto& axis : values_)
      for (const auto& value : axis)
        if (!value.readable && value.error) throw *value.error;
  }

 private:
  struct Seen {
    bool readable = false;
    std::optional<InputError> error;
  };
  std::vector<std::vector<Seen>> values_;
};

}  // namespace

void read_points(SweepPlan& plan) {
  ValueCheck check(plan.file);
  for (std::size_t p = 0; p < plan.space.points(); ++p) {
    const auto design = plan.space.design_of(p);
    StoredPoint point;
    point.label = plan.space.describe(design);
    std::optional<InputError> error;
    try {
      point.key = point_key(plan.space.point_document(p));
    } catch (const InputError& refused) {
      error = refused;
      point.error = refused.what();
    }
    check.note(plan.space.choice(design), error);
    plan.points.push_back(std::move(point));
  }
  check.finish();
}

}  // namespace moesim
