#include "models/cost/forms.hpp"

#include <algorithm>
#include <cmath>

#include "models/cost/quick_math.hpp"

namespace moesim {

double p_norm(double a, double b, double p) {
  const double high = std::max(a, b), low = std::min(a, b);
  if (low <= 0) return high;
  if (p <= 1.0011) return high + low;  // the smallest that is fitted: the terms add
  if (low < 1e-6 * high || (p > 30 && low < 0.5 * high)) return high;  // below 1e-6 of the sum
  const double x = p * quick_log(low / high);
  return high * quick_exp(quick_log(1 + quick_exp(x)) / p);
}

double ExpertsForm::time_s(const Work& w, const Peaks& peaks) const {
  const double multiply = w.flop_per_row * w.padded_rows / (peaks.flop_per_s * compute);
  const double read = w.weight_bytes / (peaks.bytes_per_s * memory);
  return floor_s + per_expert_s * w.local + p_norm(multiply, read, norm) +
         w.row_bytes / (peaks.bytes_per_s * row_memory) +
         w.token_bytes / (peaks.bytes_per_s * token_memory);
}

namespace {

/// Largest first; each is half of the one before.
struct Tile {
  double m, n;
};
constexpr Tile kTiles[] = {{128, 256}, {128, 128}, {64, 128}, {64, 64}};

}  // namespace

double GemmForm::time_s(const Work& w, const Peaks& peaks) const {
  // The tile that is done first, as a library's heuristic aims for.
  const double slower = quick_exp(tile_exponent * 0.6931471805599453);
  double best = 0, slowdown = 1;
  for (const auto& tile : kTiles) {
    const double tiles = ceiling(w.m / tile.m) * ceiling(w.n / tile.n);
    const double waves = ceiling(tiles / peaks.sms);
    const double flop = slowdown * waves * peaks.sms * tile.m * tile.n * 2 * w.k;
    if (best <= 0 || flop < best) best = flop;
    slowdown *= slower;
  }
  // A few tiles leave most SMs idle; libraries then split k, which fills them.
  const double ideal = 2 * w.m * w.n * w.k;
  const double split = 2 * ceiling(w.m / 64) * 64 * ceiling(w.n / 64) * 64 * w.k;
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
