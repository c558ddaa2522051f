// Spread and correlation of popularity from expert counts alone, and profiles as text.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "calibrate/routing_fit.hpp"
#include "sim/core/csv.hpp"
#include "sim/core/parallel.hpp"

namespace moesim {
namespace {

constexpr std::int64_t kTokens = 6000;

/// Collision of tokens drawn from a popularity of spread `sigma`, mean over three layers' draws.
double collision_at(double sigma, std::int64_t experts, std::int64_t top_k) {
  RoutingProfile profile;
  profile.experts = experts;
  profile.top_k = top_k;
  profile.sigma = {sigma};
  const auto router = Choice<Router>("top-k").make({experts, top_k, 1, 1});
  GeneratorShape shape;
  shape.moe_layers = 3;
  shape.experts = experts;
  const std::vector<GeneratedSequence> tokens(static_cast<std::size_t>(kTokens), {1, 0});
  return routing_statistics(generate_trace(profile, shape, tokens, *router)).collision;
}

double spread_for(double collision, std::int64_t experts, std::int64_t top_k) {
  double low = 0, high = 3;
  for (int i = 0; i < 12; ++i) {
    const double middle = (low + high) / 2;
    (collision_at(middle, experts, top_k) < collision ? low : high) = middle;
  }
  return (low + high) / 2;
}

/// Experts per token [experts] of a domain's layer.
using Shares = std::map<std::pair<std::string, std::int64_t>, std::vector<double>>;

Shares read_shares(const std::string& path, const std::string& model, std::int64_t top_k) {
  const auto table = read_csv(path);
  const auto model_at = table.column("model"), domain = table.column("domain"),
             layer = table.column("layer"), expert = table.column("expert"),
             count = table.column("count");
  Shares shares;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (table.cell(row, model_at) != model) continue;
    auto& of = shares[{std::string(table.cell(row, domain)), table.integer(row, layer)}];
    const auto e = table.integer(row, expert);
    if (e < 0 || e > 65534)
      throw InputError(table.at(row, expert), fmt::format("expert {} does not exist", e));
    of.resize(std::max(of.size(), static_cast<std::size_t>(e) + 1), 0);
    if (table.number(row, count) < 0)
      throw InputError(table.at(row, count), "a count must not be negative");
    of[static_cast<std::size_t>(e)] += table.number(row, count);
  }
  if (shares.empty())
    throw InputError(Location{path, 1, 1}, fmt::format("no rows of model '{}'", model));
  for (auto& [key, of] : shares) {
    double sum = 0;
    for (const double n : of) sum += n;
    const auto where =
        fmt::format("model '{}', domain '{}', layer {}", model, key.first, key.second);
    if (sum <= 0) throw InputError(Location{path, 1, 1}, where + ": no counts above 0");
    if (std::ssize(of) < top_k)
      throw InputError(Location{path, 1, 1},
                       fmt::format("{} has {} experts, fewer than the {} of a token (--top-k)",
                                   where, of.size(), top_k));
    for (double& n : of) n *= static_cast<double>(top_k) / sum;
  }
  return shares;
}

/// The fit to all other traces against this one, as a domain that the fit has not seen.
std::vector<RoutingCheck> check_held_out(std::span<const RecordedTrace> traces,
                                         std::span<const std::string> names, std::size_t out) {
  std::vector<const RecordedTrace*> others;
  for (std::size_t i = 0; i < traces.size(); ++i)
    if (i != out) others.push_back(&traces[i]);
  const auto profile = fit_routing(others);
  const auto plan = sequences_of(traces[out], static_cast<std::int64_t>(traces.size()));
  const auto recorded = routing_statistics(traces[out]).named();
  const auto predicted = predict_routing(profile, traces[out].layers(), plan).named();
  std::vector<double> fitted(recorded.size(), 0);
  for (const auto* other : others) {
    const auto statistics = routing_statistics(*other).named();
    for (std::size_t i = 0; i < fitted.size(); ++i)
      fitted[i] += statistics[i].second / static_cast<double>(others.size());
  }
  std::vector<RoutingCheck> checks;
  for (std::size_t i = 0; i < recorded.size(); ++i)
    checks.push_back(
        {names[out], recorded[i].first, recorded[i].second, predicted[i].second, fitted[i]});
  return checks;
}

}  // namespace

RoutingProfile fit_expert_counts(const std::string& path, const std::string& model,
                                 std::int64_t top_k) {
  const auto shares = read_shares(path, model, top_k);
  RoutingProfile profile;
  profile.model = model;
  profile.top_k = top_k;
  std::map<std::int64_t, std::vector<double>> collisions;  // layer -> one per domain
  for (const auto& [key, share] : shares) {
    profile.experts = std::max(profile.experts, static_cast<std::int64_t>(share.size()));
    double same = 0;
    for (const double p : share) same += p * p / static_cast<double>(top_k);
    collisions[key.second].push_back(same);
  }
  for (const auto& [layer, values] : collisions) {
    double mean = 0;
    for (const double value : values) mean += value / static_cast<double>(values.size());
    profile.sigma.push_back(spread_for(mean, profile.experts, top_k));
  }
  std::map<std::string, std::vector<std::vector<double>>> by_domain;
  for (const auto& [key, share] : shares) by_domain[key.first].push_back(share);
  std::vector<std::vector<std::vector<double>>> shares_of;
  for (auto& [domain, layers] : by_domain) shares_of.push_back(std::move(layers));
  profile.common = popularity_correlation(shares_of);
  return profile;
}

std::vector<RoutingCheck> check_routing_fit(std::span<const RecordedTrace> traces,
                                            std::span<const std::string> names, unsigned jobs) {
  if (traces.size() == 1 && traces.front().tokens() < 2)
    throw InputError(Location{traces.front().file, 1, 1},
                     "one token: half of a lone trace is held out, so it must have at least two");
  std::vector<RecordedTrace> halves;
  std::vector<std::string> half_names;
  const bool alone = traces.size() == 1;
  if (alone) {
    halves = {half_of(traces.front(), true), half_of(traces.front(), false)};
    half_names = {names.front() + " (first half)", names.front() + " (second half)"};
    traces = halves;
    names = half_names;
  }
  std::vector<std::vector<RoutingCheck>> checks(traces.size());
  for_each_in_parallel(traces.size(), jobs, [&](std::size_t out) {
    if (!alone || out == 1) checks[out] = check_held_out(traces, names, out);
  });
  std::vector<RoutingCheck> all;
  for (auto& some : checks) std::ranges::move(some, std::back_inserter(all));
  return all;
}

std::string routing_profile_yaml(const RoutingProfile& profile, const std::string& comment) {
  std::string text;
  for (std::size_t begin = 0; begin < comment.size();) {
    const auto end = std::min(comment.find('\n', begin), comment.size());
    text += "# " + comment.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  RoutingProfile rounded = profile;
  const auto round = [](double& value) { value = std::round(value * 1000) / 1000; };
  for (auto& s : rounded.sigma) round(s);
  for (auto& p : rounded.popularity) round(p);
  for (double* value :
       {&rounded.common, &rounded.latent_sigma, &rounded.token_share, &rounded.context_share})
    round(*value);
  return text + to_yaml(RoutingProfile::parameters().write(rounded));
}

}  // namespace moesim
