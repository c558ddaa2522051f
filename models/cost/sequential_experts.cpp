#include "models/cost/sequential_experts.hpp"

#include "models/cost/interpolate.hpp"

namespace moesim {

void ExpertCurve::prepare() const {
  const auto axis = logs_of(rows);
  std::vector<double> logs;
  for (const double t : time_s) logs.push_back(portable_log(t));
  by_count_.assign(static_cast<std::size_t>(rows.back()) + 1, 0.0);
  for (std::size_t count = 1; count < by_count_.size(); ++count) {
    const auto place = place_on(axis, portable_log(static_cast<double>(count)));
    by_count_[count] =
        portable_exp(logs[place.below] + place.share * (logs[place.above] - logs[place.below]));
  }
}

double ExpertCurve::at(std::int64_t count) const {
  if (by_count_.empty()) prepare();
  const auto last = static_cast<std::int64_t>(by_count_.size()) - 1;
  if (count <= last) return by_count_[static_cast<std::size_t>(count)];
  return by_count_.back() * static_cast<double>(count) / static_cast<double>(last);
}

const Parameters<ExpertCurve>& ExpertCurve::parameters() {
  static const auto list =
      Parameters<ExpertCurve>()
          .required("hidden", &ExpertCurve::hidden, "hidden size", "256")
          .min(1)
          .required("intermediate", &ExpertCurve::intermediate, "intermediate size", "512")
          .min(1)
          .required("rows", &ExpertCurve::rows, "measured numbers of rows, ascending", "[1, 8]")
          .required("time_s", &ExpertCurve::time_s, "time of one expert for each [s]",
                    "[1e-6, 5e-6]");
  return list;
}

void ExpertCurve::check(const Node& where) const {
  // A count has a cell of its own in memory.
  constexpr std::int64_t most = 1 << 20;
  if (rows.empty() || rows.size() != time_s.size())
    throw InputError(where.where, "an expert's curve needs as many times as numbers of rows");
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rows[i] < 1 || rows[i] > most || !(time_s[i] > 0) || (i > 0 && rows[i] <= rows[i - 1]))
      throw InputError(where.where,
                       "an expert's curve needs ascending numbers of rows up to 2^20 and times "
                       "above zero");
}

}  // namespace moesim
