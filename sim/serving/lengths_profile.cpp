#include "sim/serving/lengths_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "sim/core/data_path.hpp"
#include "sim/core/suggest.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;

/// Every half percent, finer where the tail is: the longest one percent of a trace holds much of
/// its tokens.
std::vector<double> probability_grid() {
  std::vector<double> grid;
  for (int i = 0; i < 200; ++i) grid.push_back(i / 200.0);
  for (const double tail : {0.996, 0.997, 0.998, 0.999, 0.9995, 1.0}) grid.push_back(tail);
  return grid;
}

/// Ranks from 0; equal values share the mean of their ranks.
std::vector<double> ranks(const std::vector<std::int64_t>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> rank(values.size());
  for (std::size_t first = 0; first < order.size();) {
    auto last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    for (auto i = first; i <= last; ++i) rank[order[i]] = static_cast<double>(first + last) / 2;
    first = last + 1;
  }
  return rank;
}

double mean(const auto& values) {
  double sum = 0;
  for (const auto value : values) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

/// Pearson correlation; 0 when one side does not vary.
double correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const double mx = mean(x), my = mean(y);
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) * (x[i] - mx);
    yy += (y[i] - my) * (y[i] - my);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

std::vector<std::int64_t> quantiles(std::vector<std::int64_t> values,
                                    const std::vector<double>& grid) {
  std::ranges::sort(values);
  std::vector<std::int64_t> table;
  for (const double p : grid) {
    const auto rank =
        static_cast<std::size_t>(std::lround(p * static_cast<double>(values.size() - 1)));
    table.push_back(values[rank]);
  }
  return table;
}

const Node& place_of(const Node& at, const std::string& key) {
  const Node* found = at.find(key);
  return found != nullptr ? *found : at;
}

}  // namespace

const Parameters<LengthProfile>& LengthProfile::parameters() {
  using P = LengthProfile;
  static const auto list =
      Parameters<P>()
          .required("name", &P::name, "name of the profile", "my-service")
          .optional("source", &P::source, "the trace it was made from")
          .optional("licence", &P::licence, "licence of that trace")
          .optional("derivation", &P::derivation, "how the table was made")
          .optional("requests", &P::requests, "requests in the trace")
          .min(0)
          .optional("input_mean", &P::input_mean, "mean prompt tokens of the trace")
          .min(0)
          .optional("output_mean", &P::output_mean, "mean generated tokens of the trace")
          .min(0)
          .optional("rank_correlation", &P::rank_correlation,
                    "Spearman correlation of input and output")
          .min(-1)
          .max(1)
          .required("probabilities", &P::probabilities, "rising from 0 to 1", "[0, 0.5, 1]")
          .min(0)
          .max(1)
          .required("input", &P::input, "prompt tokens at those probabilities", "[1, 100, 4000]")
          .min(1)
          .required("output", &P::output, "generated tokens at those probabilities", "[1, 50, 900]")
          .min(1);
  return list;
}

void LengthProfile::check(const Node& at) const {
  const auto strictly = [](double a, double b) { return a >= b; };
  if (probabilities.size() < 2 || probabilities.front() != 0 || probabilities.back() != 1 ||
      std::ranges::adjacent_find(probabilities, strictly) != probabilities.end())
    throw InputError(place_of(at, "probabilities").where, "probabilities must rise from 0 to 1");
  for (const auto& [key, tokens] : {std::pair{"input", &input}, std::pair{"output", &output}}) {
    if (tokens->size() != probabilities.size())
      throw InputError(place_of(at, key).where,
                       fmt::format("{} has {} entries, probabilities has {}", key, tokens->size(),
                                   probabilities.size()));
    if (!std::ranges::is_sorted(*tokens))
      throw InputError(place_of(at, key).where, fmt::format("{} must not fall", key));
  }
}

LengthProfile summarise(std::span<const TraceRequest> trace) {
  LengthProfile profile;
  if (trace.empty()) throw InputError("a length profile needs at least one request");
  std::vector<std::int64_t> input, output;
  for (const auto& request : trace) {
    input.push_back(request.input);
    output.push_back(request.output);
  }
  profile.requests = static_cast<std::int64_t>(trace.size());
  profile.input_mean = mean(input);
  profile.output_mean = mean(output);
  profile.rank_correlation = correlation(ranks(input), ranks(output));
  profile.probabilities = probability_grid();
  profile.input = quantiles(std::move(input), profile.probabilities);
  profile.output = quantiles(std::move(output), profile.probabilities);
  return profile;
}

std::vector<std::string> length_profile_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(data_path("sim/serving/lengths")))
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

LengthProfile load_length_profile(const std::string& name, const Location& where) {
  const bool path =
      name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
  if (path) return LengthProfile::parameters().read(read_yaml(find_data_file(name)));
  const auto names = length_profile_names();
  if (std::ranges::find(names, name) == names.end()) {
    const auto text = fmt::format("unknown length profile '{}'{}", name, did_you_mean(name, names));
    throw where.file.empty() ? InputError(text) : InputError(where, text);
  }
  return LengthProfile::parameters().read(
      read_yaml(data_path("sim/serving/lengths/" + name + ".yaml")));
}

std::string find_data_file(const std::string& path) {
  std::error_code ignored;
  if (fs::exists(path, ignored) || fs::path(path).is_absolute()) return path;
  const auto shipped = data_path(path);
  return fs::exists(shipped, ignored) ? shipped : path;
}

std::int64_t quantile(std::span<const double> probabilities, std::span<const std::int64_t> tokens,
                      double u) {
  const auto above = std::ranges::upper_bound(probabilities, u);
  const auto i =
      std::clamp<std::ptrdiff_t>(above - probabilities.begin(), 1, std::ssize(probabilities) - 1);
  const auto at = [&](std::ptrdiff_t k) { return static_cast<std::size_t>(k); };
  const double low = probabilities[at(i - 1)], high = probabilities[at(i)];
  const auto from = static_cast<double>(tokens[at(i - 1)]), to = static_cast<double>(tokens[at(i)]);
  const double share = std::clamp((u - low) / (high - low), 0.0, 1.0);
  return static_cast<std::int64_t>(from + (to - from) * share + 0.5);
}

}  // namespace moesim
