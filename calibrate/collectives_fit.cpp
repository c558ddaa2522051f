#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "calibrate/collectives.hpp"
#include "calibrate/least_squares.hpp"
#include "models/cost/interpolate.hpp"

namespace moesim {
namespace {

/// Four digits are more than the measurements have, and keep profiles readable.
double rounded(double value) {
  if (value <= 0) return 0;
  const double digit = std::pow(10, std::floor(std::log10(value)) - 3);
  // Through text, so that the number is the one that is written.
  return std::stod(fmt::format("{:.4g}", std::round(value / digit) * digit));
}

CollectiveForm form_of(std::span<const double> logs, bool tokens, bool experts) {
  // A petabyte per second and more is no term at all.
  const auto value = [&](std::size_t i) {
    return std::exp(std::clamp(logs[i], i == 1 ? -34.5 : -80.0, 4.0));
  };
  CollectiveForm form;
  form.start = Seconds(value(0));
  form.bandwidth = BytesPerSecond(1 / value(1));
  form.root_s = value(2);
  if (tokens) form.per_token = Seconds(value(3));
  if (experts) form.per_expert = Seconds(value(tokens ? 4 : 3));
  return form;
}

/// A term that is nowhere a ten-thousandth of the time is no term.
void drop_nothings(CollectiveForm& form, std::span<const CollectiveSample> samples) {
  double root = 0, token = 0, expert = 0;
  for (const auto& s : samples) {
    root = std::max(root, form.root_s * std::sqrt(s.work().bytes) / s.time_s);
    token = std::max(token, form.per_token.value * s.work().tokens / s.time_s);
    expert = std::max(expert, form.per_expert.value * s.work().experts / s.time_s);
  }
  form.start = Seconds(rounded(form.start.value * 1e6) * 1e-6);
  form.bandwidth = BytesPerSecond(rounded(form.bandwidth.value));
  form.root_s = root < 1e-4 ? 0 : rounded(form.root_s);
  form.per_token = Seconds(token < 1e-4 ? 0 : rounded(form.per_token.value));
  form.per_expert = Seconds(expert < 1e-4 ? 0 : rounded(form.per_expert.value));
}

CollectiveForm fit_form(std::span<const CollectiveSample> samples) {
  double most_bytes = 0, most_tokens = 0, least_s = samples.front().time_s, most_s = 0;
  std::set<double> ratios, experts;
  for (const auto& s : samples) {
    most_bytes = std::max(most_bytes, s.work().bytes);
    most_tokens = std::max(most_tokens, s.work().tokens);
    least_s = std::min(least_s, s.time_s);
    most_s = std::max(most_s, s.time_s);
    experts.insert(s.work().experts);
    ratios.insert(s.bytes_per_size / std::max(s.tokens_per_size, 1e-9));
  }
  // With one shape a term per token is a term per byte, and one per expert a start-up: only
  // several tell them apart.
  const bool tokens = most_tokens > 0 && ratios.size() > 2;
  const bool counts = experts.size() > 2;
  std::vector<double> logs(static_cast<std::size_t>(3 + tokens + counts));
  logs[0] = std::log(least_s);
  logs[1] = std::log(most_s / most_bytes);
  logs[2] = std::log(0.1 * most_s / std::sqrt(most_bytes));
  if (tokens) logs[3] = std::log(0.1 * most_s / most_tokens);
  if (counts)
    logs[static_cast<std::size_t>(3 + tokens)] = std::log(0.1 * least_s / *experts.rbegin());
  minimise(logs, samples.size(), [&](std::span<const double> x, std::span<double> out) {
    const auto form = form_of(x, tokens, counts);
    for (std::size_t i = 0; i < samples.size(); ++i)
      out[i] = std::log(form.time_s(samples[i].work()) / samples[i].time_s);
  });
  auto form = form_of(logs, tokens, counts);
  drop_nothings(form, samples);
  return form;
}

/// The ascending sequence with the least sum of absolute errors (pool adjacent violators with
/// medians): more bytes never take less time, and one wrong point moves no other. Of two medians
/// the lower: what spoils a measurement makes it slower.
std::vector<double> ascending(const std::vector<double>& values) {
  struct Block {
    std::vector<double> members;
    double median = 0;
  };
  const auto median = [](std::vector<double> m) {
    std::ranges::sort(m);
    return m[(m.size() - 1) / 2];
  };
  std::vector<Block> blocks;
  for (const double v : values) {
    blocks.push_back({{v}, v});
    while (blocks.size() > 1 && blocks[blocks.size() - 2].median > blocks.back().median) {
      const auto last = std::move(blocks.back());
      blocks.pop_back();
      auto& into = blocks.back();
      into.members.insert(into.members.end(), last.members.begin(), last.members.end());
      into.median = median(into.members);
    }
  }
  std::vector<double> result;
  for (const auto& block : blocks) result.insert(result.end(), block.members.size(), block.median);
  return result;
}

std::vector<CollectiveCurve> curves_of(std::span<const CollectiveSample> samples,
                                       const CollectiveForm& form) {
  std::map<TokenShape, std::map<std::int64_t, const CollectiveSample*>> shapes;
  for (const auto& s : samples) shapes[s.shape].emplace(s.size, &s);
  std::vector<CollectiveCurve> curves;
  for (const auto& [shape, by_size] : shapes) {
    CollectiveCurve curve;
    if (shape.hidden > 0) curve.model = {shape.hidden, shape.topk, shape.experts};
    curve.bytes_per_size = by_size.begin()->second->bytes_per_size;
    curve.tokens_per_size = by_size.begin()->second->tokens_per_size;
    std::vector<double> logs;
    for (const auto& [size, sample] : by_size) {
      curve.sizes.push_back(size);
      logs.push_back(std::log(sample->time_s));
    }
    logs = ascending(logs);
    for (std::size_t i = 0; i < logs.size(); ++i)
      curve.log_ratio.push_back(std::llround(
          1000 *
          (logs[i] - std::log(form.time_s(curve.work(static_cast<double>(curve.sizes[i])))))));
    curves.push_back(std::move(curve));
  }
  return curves;
}

std::set<std::int64_t> sizes_of(std::span<const CollectiveSample> samples) {
  std::set<std::int64_t> sizes;
  for (const auto& s : samples) sizes.insert(s.size);
  return sizes;
}

struct Parts {
  std::vector<CollectiveSample> fit;
  std::vector<const CollectiveSample*> test;
};

template <class IsTest>
Parts parts_of(std::span<const CollectiveSample> samples, IsTest is_test) {
  Parts parts;
  for (const auto& s : samples)
    if (is_test(s))
      parts.test.push_back(&s);
    else
      parts.fit.push_back(s);
  return parts;
}

void append_errors(const Parts& parts, std::vector<CollectiveError>& to) {
  if (sizes_of(parts.fit).size() < kFewestSizes) return;
  const auto fit = fit_collective(parts.fit);
  for (const auto* s : parts.test)
    to.push_back({s, fit.predict(s->work(), s->shape).time.value / s->time_s - 1,
                  fit.predict_form(s->work()).time.value / s->time_s - 1});
}

}  // namespace

std::map<CollectiveKey, std::vector<CollectiveSample>> by_group(
    std::span<const CollectiveSample> samples) {
  std::map<CollectiveKey, std::vector<CollectiveSample>> groups;
  for (const auto& s : samples)
    groups[{s.operation, s.kernel, s.scheme, s.nodes, s.ranks, s.sms}].push_back(s);
  return groups;
}

std::vector<std::int64_t> kept_sizes(std::span<const CollectiveSample> samples) {
  const auto sizes = sizes_of(samples);
  std::vector<std::int64_t> kept;
  std::size_t i = 0;
  for (const auto size : sizes)
    if (i++ % 2 == 0 || i == sizes.size()) kept.push_back(size);
  return kept;
}

CollectiveFit fit_collective(std::span<const CollectiveSample> samples) {
  if (sizes_of(samples).size() < kFewestSizes)
    throw InputError(fmt::format("a collective needs {} sizes to fit, found {}", kFewestSizes,
                                 sizes_of(samples).size()));
  const auto& first = samples.front();
  CollectiveFit fit;
  fit.operation = first.operation;
  fit.nodes = first.nodes;
  fit.ranks = first.ranks;
  fit.sms = first.sms;
  fit.form = fit_form(samples);
  fit.curves = curves_of(samples, fit.form);
  const auto sizes = sizes_of(samples);
  fit.sizes.assign(sizes.begin(), sizes.end());
  fit.origin.kernel = first.kernel;
  fit.origin.scheme = first.scheme;
  fit.origin.points = static_cast<std::int64_t>(samples.size());
  for (const auto& s : samples) fit.bytes.add(s.work().bytes);
  fit.prepare();
  return fit;
}

std::vector<CollectiveError> unseen_sizes(std::span<const CollectiveSample> samples) {
  const auto kept = kept_sizes(samples);
  std::vector<CollectiveError> errors;
  append_errors(parts_of(samples,
                         [&](const CollectiveSample& s) {
                           return !std::ranges::binary_search(kept, s.size);
                         }),
                errors);
  return errors;
}

std::vector<CollectiveError> unseen_shapes(std::span<const CollectiveSample> samples) {
  std::set<TokenShape> shapes;
  for (const auto& s : samples) shapes.insert(s.shape);
  std::vector<CollectiveError> errors;
  if (shapes.size() < 4) return errors;
  const std::size_t folds = std::min<std::size_t>(5, shapes.size());
  for (std::size_t fold = 0; fold < folds; ++fold) {
    std::set<TokenShape> left_out;
    std::size_t i = 0;
    for (const auto& shape : shapes)
      if (i++ % folds == fold) left_out.insert(shape);
    append_errors(
        parts_of(samples, [&](const CollectiveSample& s) { return left_out.contains(s.shape); }),
        errors);
  }
  return errors;
}

}  // namespace moesim
