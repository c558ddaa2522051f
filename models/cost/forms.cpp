#include "models/cost/forms.hpp"

#include <algorithm>
#include <cmath>

#include "sim/core/portable_math.hpp"

namespace moesim {

double p_norm(double a, double b, double p) {
  const double high = std::max(a, b), low = std::min(a, b);
  if (low <= 0) return high;
  if (p <= 1) return high + low;
  const double x = p * portable_log(low / high);
  if (x < -30) return high;  // the smaller one is below rounding
  return high * portable_exp(portable_log(1 + portable_exp(x)) / p);
}

double ExpertsForm::time_s(const Work& w, const Peaks& peaks) const {
  const double multiply = w.flop_per_row * w.padded_rows / (peaks.flop_per_s * compute);
  const double read = w.weight_bytes / (peaks.bytes_per_s * memory);
  return floor_s + per_expert_s * w.local + p_norm(multiply, read, norm) +
         w.row_bytes / (peaks.bytes_per_s * row_memory) +
         w.token_bytes / (peaks.bytes_per_s * token_memory);
}

namespace {

struct Tile {
  double m, n;
};
constexpr Tile kTiles[] = {{64, 64}, {64, 128}, {128, 128}, {128, 256}};
constexpr double kLargestTile = 128.0 * 256.0;

}  // namespace

double GemmForm::time_s(const Work& w, const Peaks& peaks) const {
  // The tile that is done first, as a library's heuristic aims for.
  double best = 0;
  for (const auto& tile : kTiles) {
    const double tiles = std::ceil(w.m / tile.m) * std::ceil(w.n / tile.n);
    const double waves = std::ceil(tiles / peaks.sms);
    const double area = tile.m * tile.n;
    const double flop = waves * peaks.sms * area * 2 * w.k;
    const double rate = portable_exp(tile_exponent * portable_log(area / kLargestTile));
    const double cost = flop / rate;
    if (best <= 0 || cost < best) best = cost;
  }
  // A few tiles leave most SMs idle; libraries then split k, which fills them.
  const double ideal = 2 * w.m * w.n * w.k;
  const double split = 2 * std::ceil(w.m / 64) * 64 * std::ceil(w.n / 64) * 64 * w.k;
  const double multiply = std::max(ideal, std::min(best, 4 * split));
  return floor_s + p_norm(multiply / (peaks.flop_per_s * compute),
                          w.bytes / (peaks.bytes_per_s * memory), norm);
}

double PrefillForm::time_s(const Work& w, const Peaks& peaks) const {
  const double flop = std::max(w.flop, w.longest_flop * peaks.sms);
  return floor_s +
         p_norm(flop / (peaks.flop_per_s * compute), w.bytes / (peaks.bytes_per_s * memory), norm);
}

double DecodeForm::time_s(const Work& w, const Peaks& peaks) const {
  const double used = w.units / (w.units + half_parallelism);
  return floor_s + per_head_s * w.heads +
         p_norm(w.flop / (peaks.flop_per_s * compute * used),
                w.bytes / (peaks.bytes_per_s * memory * used), norm);
}

double StreamForm::time_s(const Work& w, const Peaks& peaks) const {
  return floor_s + w.bytes / (peaks.bytes_per_s * memory);
}

std::array<double*, ExpertsForm::kFitted> ExpertsForm::fitted() {
  return {&floor_s, &per_expert_s, &compute, &memory, &row_memory, &token_memory, &norm};
}
std::array<double*, GemmForm::kFitted> GemmForm::fitted() {
  return {&floor_s, &compute, &memory, &norm, &tile_exponent};
}
std::array<double*, PrefillForm::kFitted> PrefillForm::fitted() {
  return {&floor_s, &compute, &memory, &norm};
}
std::array<double*, DecodeForm::kFitted> DecodeForm::fitted() {
  return {&floor_s, &compute, &memory, &half_parallelism, &per_head_s, &norm};
}
std::array<double*, StreamForm::kFitted> StreamForm::fitted() { return {&floor_s, &memory}; }

}  // namespace moesim
