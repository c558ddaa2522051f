#include "calibrate/bench_noise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace moesim {

double BenchNoise::cv() const {
  if (anchors.size() < 2) return 0;
  const auto count = static_cast<double>(anchors.size());
  std::vector<double> all;
  for (std::size_t point = 0; point < points.size(); ++point) {
    double sum = 0, squares = 0;
    for (const auto& anchor : anchors) sum += anchor.latency_us[point];
    for (const auto& anchor : anchors)
      squares +=
          (anchor.latency_us[point] - sum / count) * (anchor.latency_us[point] - sum / count);
    all.push_back(std::sqrt(squares / (count - 1)) / (sum / count));
  }
  if (all.empty()) return 0;
  std::ranges::sort(all);
  return (all[(all.size() - 1) / 2] + all[all.size() / 2]) / 2;
}

std::vector<double> BenchNoise::drift() const {
  std::vector<double> all;
  for (std::size_t point = 0; point < points.size() && !anchors.empty(); ++point)
    all.push_back(anchors.back().latency_us[point] / anchors.front().latency_us[point] - 1);
  return all;
}

std::vector<std::pair<std::string, double>> anchor_points(const CsvTable& table) {
  struct Point {
    bool hot;
    std::int64_t bytes;
    std::string name;
    double latency_us;
  };
  const auto pattern = table.column("pattern"), bytes = table.column("array_bytes"),
             l2 = table.column("l2"), latency = table.column("latency_us");
  constexpr std::size_t kAnchorPoints = 10;
  std::vector<Point> points;
  for (std::size_t row = 0; row < table.rows(); ++row)
    points.push_back({table.cell(row, l2) == "hot", table.integer(row, bytes),
                      fmt::format("{} {} {}", table.cell(row, pattern), table.cell(row, bytes),
                                  table.cell(row, l2)),
                      table.number(row, latency)});
  std::ranges::sort(points, {}, [](const Point& p) { return std::tuple(p.hot, p.bytes, p.name); });
  if (points.size() > kAnchorPoints) points.resize(kAnchorPoints);
  std::vector<std::pair<std::string, double>> all;
  for (const auto& point : points) all.emplace_back(point.name, point.latency_us);
  return all;
}

}  // namespace moesim
