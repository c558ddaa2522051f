#include "sim/report/headline.hpp"

#include <algorithm>

#include "sim/report/human.hpp"

namespace moesim {
namespace {

using Unit = Headline::Unit;
using Better = Headline::Better;

using Figure = std::function<std::optional<double>(const Result&)>;

Figure of(double Result::*member) {
  return [member](const Result& r) -> std::optional<double> { return r.*member; };
}

Figure of(std::int64_t Result::*member) {
  return
      [member](const Result& r) -> std::optional<double> { return static_cast<double>(r.*member); };
}

Figure of(Distribution Result::*member, double Distribution::*statistic) {
  return [member, statistic](const Result& r) -> std::optional<double> {
    if ((r.*member).count == 0) return std::nullopt;
    return (r.*member).*statistic;
  };
}

template <class Section>
Figure of(std::optional<Section> Result::*section, double Section::*member) {
  return [section, member](const Result& r) -> std::optional<double> {
    if (!(r.*section)) return std::nullopt;
    return (*(r.*section)).*member;
  };
}

std::optional<double> decode_step(const Result& r) {
  if (r.decode_steps == 0) return std::nullopt;
  return r.mean_decode_s;
}

}  // namespace

const std::vector<Headline>& headlines() {
  using R = Result;
  using D = Distribution;
  static const std::vector<Headline> list = {
      {"output throughput", Unit::kTokensPerSecond, Better::kHigher, true,
       of(&R::output_tokens_per_s)},
      {"output per GPU", Unit::kTokensPerSecond, Better::kHigher, true,
       of(&R::output_tokens_per_s_per_gpu)},
      {"total throughput", Unit::kTokensPerSecond, Better::kHigher, false,
       of(&R::total_tokens_per_s)},
      {"request throughput", Unit::kRequestsPerSecond, Better::kHigher, true,
       of(&R::requests_per_s)},
      {"goodput", Unit::kRequestsPerSecond, Better::kHigher, false,
       of(&R::goodput, &R::Goodput::requests_per_s)},
      {"requests within SLO", Unit::kFraction, Better::kHigher, false,
       of(&R::goodput, &R::Goodput::fraction)},
      {"TTFT p50", Unit::kSeconds, Better::kLower, true, of(&R::ttft_s, &D::p50)},
      {"TTFT p99", Unit::kSeconds, Better::kLower, true, of(&R::ttft_s, &D::p99)},
      {"TPOT p50", Unit::kSeconds, Better::kLower, true, of(&R::tpot_s, &D::p50)},
      {"TPOT p99", Unit::kSeconds, Better::kLower, true, of(&R::tpot_s, &D::p99)},
      {"ITL p99", Unit::kSeconds, Better::kLower, false, of(&R::itl_s, &D::p99)},
      {"E2E p50", Unit::kSeconds, Better::kLower, false, of(&R::e2e_s, &D::p50)},
      {"E2E p99", Unit::kSeconds, Better::kLower, true, of(&R::e2e_s, &D::p99)},
      {"queue p99", Unit::kSeconds, Better::kLower, false, of(&R::queue_s, &D::p99)},
      {"completed requests", Unit::kCount, Better::kNeither, false, of(&R::completed)},
      {"failed requests", Unit::kCount, Better::kLower, false, of(&R::failed)},
      {"preemptions", Unit::kCount, Better::kLower, false, of(&R::preemptions)},
      {"mean decode step", Unit::kSeconds, Better::kLower, false, decode_step},
      {"expert imbalance (max/mean)", Unit::kRatio, Better::kLower, false,
       of(&R::moe, &MoeSummary::imbalance_mean)},
      {"prefix hit rate", Unit::kFraction, Better::kHigher, false,
       of(&R::prefix_cache, &PrefixSummary::hit_rate)},
      {"distinct experts per layer", Unit::kRatio, Better::kNeither, false,
       of(&R::moe, &MoeSummary::distinct_experts_mean)},
      {"exposed communication", Unit::kFraction, Better::kLower, false,
       of(&R::moe, &MoeSummary::exposed_comm_fraction)},
      {"busiest link", Unit::kFraction, Better::kNeither, false,
       of(&R::network, &NetworkSummary::max_link_utilization)},
      {"time outside calibration", Unit::kFraction, Better::kNeither, false,
       of(&R::time_outside_calibration_fraction)},
  };
  return list;
}

std::string headline_text(const Headline& headline, double value) {
  switch (headline.unit) {
    case Unit::kSeconds:
      return human_time(value);
    case Unit::kTokensPerSecond:
      return human_number(value) + " tok/s";
    case Unit::kRequestsPerSecond:
      return human_number(value) + " req/s";
    case Unit::kFraction:
      return human_percent(value);
    case Unit::kCount:
      return human_count(static_cast<std::int64_t>(value));
    case Unit::kRatio:
      return human_fixed(value, 2);
  }
  return "";
}

std::vector<std::size_t> best_of(const Headline& headline,
                                 const std::vector<std::optional<double>>& values) {
  if (headline.better == Better::kNeither) return {};
  std::vector<double> present;
  for (const auto& value : values)
    if (value) present.push_back(*value);
  if (present.size() < 2) return {};
  const auto [low, high] = std::minmax_element(present.begin(), present.end());
  if (*low == *high) return {};
  const double best = headline.better == Better::kHigher ? *high : *low;
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] && *values[i] == best) indices.push_back(i);
  return indices;
}

}  // namespace moesim
