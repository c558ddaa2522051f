#include <cmath>
#include <optional>

#include "sim/report/json_text.hpp"
#include "sim/report/result_json.hpp"

namespace moesim {
namespace {

/// numpy.std over the requests that have the figure.
std::optional<double> deviation(const Result& result, double RequestRow::*member,
                                std::int64_t least_output_tokens) {
  double sum = 0;
  double count = 0;
  for (const auto& row : result.requests) {
    if (row.output_tokens < least_output_tokens) continue;
    sum += row.*member;
    ++count;
  }
  if (count == 0) return std::nullopt;
  double squares = 0;
  for (const auto& row : result.requests)
    if (row.output_tokens >= least_output_tokens)
      squares += (row.*member - sum / count) * (row.*member - sum / count);
  return std::sqrt(squares / count);
}

void add_metric(Json& json, const std::string& name, const Distribution& d,
                std::optional<double> standard_deviation) {
  if (d.count == 0) return;
  json["mean_" + name + "_ms"] = d.mean * 1e3;
  json["median_" + name + "_ms"] = d.p50 * 1e3;
  if (standard_deviation) json["std_" + name + "_ms"] = *standard_deviation * 1e3;
  json["p90_" + name + "_ms"] = d.p90 * 1e3;
  json["p95_" + name + "_ms"] = d.p95 * 1e3;
  json["p99_" + name + "_ms"] = d.p99 * 1e3;
}

}  // namespace

std::string vllm_json(const Result& r) {
  Json json = Json::object();
  json["duration"] = r.simulated_s;
  json["completed"] = r.completed;
  json["failed"] = r.failed;
  json["num_prompts"] = r.submitted;
  json["total_input_tokens"] = r.input_tokens;
  json["total_output_tokens"] = r.output_tokens;
  json["request_throughput"] = r.requests_per_s;
  json["request_goodput"] = r.goodput ? Json(r.goodput->requests_per_s) : Json(nullptr);
  json["output_throughput"] = r.output_tokens_per_s;
  json["total_token_throughput"] = r.total_tokens_per_s;
  if (!r.requests.empty()) {
    Json inputs = Json::array();
    Json outputs = Json::array();
    Json ttfts = Json::array();
    for (const auto& row : r.requests) {
      inputs.push_back(row.input_tokens);
      outputs.push_back(row.output_tokens);
      ttfts.push_back(row.ttft_s);  // seconds, as vLLM writes this list
    }
    json["input_lens"] = std::move(inputs);
    json["output_lens"] = std::move(outputs);
    json["ttfts"] = std::move(ttfts);
  }
  add_metric(json, "ttft", r.ttft_s, deviation(r, &RequestRow::ttft_s, 0));
  add_metric(json, "tpot", r.tpot_s, deviation(r, &RequestRow::tpot_s, 2));
  add_metric(json, "itl", r.itl_s, std::nullopt);
  add_metric(json, "e2el", r.e2e_s, deviation(r, &RequestRow::e2e_s, 0));
  return json_text(json);
}

}  // namespace moesim
