#include "sim/cache/published_curves.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/cache/hit_curve.hpp"
#include "sim/core/csv.hpp"
#include "sim/routing/choice_source.hpp"

namespace moesim {
namespace {

constexpr std::int64_t kTokens = 512;       // of a sequence, as published
constexpr std::int64_t kTopicTokens = 128;  // text keeps to a taste
constexpr std::int64_t kRho[] = {1, 2, 3};

Choice<CachePolicy> policy(const std::string& yaml) {
  return Value<Choice<CachePolicy>>::read(parse_yaml(yaml, "policy"));
}

std::vector<double> rates(const Accesses& accesses, const std::string& yaml,
                          std::span<const std::int64_t> at = kRho) {
  CurveOptions options;
  options.replay.cold = true;
  for (const auto rho : at) options.slots.push_back(rho * accesses.shape().top_k);
  return hit_curves(accesses, {policy(yaml)}, options).front().hit_rate;
}

}  // namespace

std::vector<PublishedCurves> read_published_curves(const std::string& path) {
  const auto table = read_csv(path);
  const auto model = table.column("model"), series = table.column("series");
  std::vector<PublishedCurves> all;
  std::vector<std::string> twice;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string name(table.cell(row, model));
    auto at = std::ranges::find(all, name, &PublishedCurves::model);
    if (at == all.end()) at = all.insert(all.end(), {name, {}});
    std::vector<double> values;
    for (const char* column : {"rho_1.0", "rho_2.0", "rho_3.0"})
      values.push_back(table.number(row, table.column(column)));
    if (!at->at_rho_123.emplace(table.cell(row, series), values).second) twice.push_back(name);
  }
  std::erase_if(
      all, [&](const auto& each) { return std::ranges::find(twice, each.model) != twice.end(); });
  return all;
}

std::map<std::string, std::vector<double>> hit_rates_at_rho_123(const Accesses& accesses,
                                                                bool segments) {
  std::map<std::string, std::vector<double>> result{{"LRU", rates(accesses, "lru")},
                                                    {"LFU", rates(accesses, "lfu")},
                                                    {"Belady", rates(accesses, "belady")}};
  if (segments)
    for (const char* m : {"4", "16", "64", "256"})
      result["m" + std::string(m)] =
          rates(accesses, "{type: segment-oracle, tokens: " + std::string(m) + "}");
  return result;
}

Accesses generate_accesses(const ReuseFit& fit, const CacheShape& shape, std::int64_t sequences,
                           std::uint64_t seed) {
  auto node = parse_yaml("{type: sticky}", "fit");
  node.set("reuse", Node::scalar(format_number(fit.reuse)));
  node.set("sigma", Node::scalar(format_number(fit.sigma)));
  node.set("topic_sigma", Node::scalar(format_number(fit.topic_sigma)));
  node.set("topic_tokens", Node::scalar(format_number(kTopicTokens)));
  const auto source = Value<Choice<ChoiceSource>>::read(node);
  const auto router = Choice<Router>("top-k").make({shape.experts, shape.top_k, 1, 1});
  Accesses accesses(shape);
  std::vector<ExpertId> needed;
  for (std::int64_t s = 0; s < sequences; ++s) {
    const auto made = source.make(
        {seed + static_cast<std::uint64_t>(s), shape.layers, shape.experts, shape.top_k});
    std::vector<Choices> layers;
    for (std::int64_t l = 0; l < shape.layers; ++l)
      layers.push_back(made->sample(l, kTokens, *router));
    accesses.start_sequence();
    for (std::int64_t t = 0; t < kTokens; ++t)
      for (std::int64_t l = 0; l < shape.layers; ++l) {
        const auto row = std::span(layers[static_cast<std::size_t>(l)].experts)
                             .subspan(static_cast<std::size_t>(t * shape.top_k),
                                      static_cast<std::size_t>(shape.top_k));
        needed.clear();
        for (const auto e : row) needed.push_back(static_cast<ExpertId>(l * shape.experts + e));
        accesses.add(needed);
      }
  }
  return accesses;
}

// Every statistic grows with its own parameter, and a little with the others: each in turn, three
// times.
ReuseFit fit_reuse(const PublishedCurves& published, const CacheShape& shape) {
  const auto target = [&](const char* series) {
    const auto found = published.at_rho_123.find(series);
    if (found == published.at_rho_123.end())
      throw InputError(
          fmt::format("published curves of {}: no series {}", published.model, series));
    return found->second.front();
  };
  ReuseFit fit{target("LRU"), 0, 0};
  const auto bisect = [&](double ReuseFit::*parameter, double high, const char* series,
                          const char* policy) {
    double low = 0;
    for (int i = 0; i < 9; ++i) {
      fit.*parameter = (low + high) / 2;
      const auto found =
          rates(generate_accesses(fit, shape, 3, 17), policy, std::span(kRho, 1)).front();
      (found < target(series) ? low : high) = fit.*parameter;
    }
  };
  for (int turn = 0; turn < 3; ++turn) {
    bisect(&ReuseFit::topic_sigma, 2, "m64", "{type: segment-oracle, tokens: 64}");
    bisect(&ReuseFit::sigma, 2, "LFU", "lfu");
    bisect(&ReuseFit::reuse, 1, "LRU", "lru");
  }
  return fit;
}

}  // namespace moesim
