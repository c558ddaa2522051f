#include "sim/transport/measured_collectives.hpp"

#include <algorithm>
#include <cstring>

#include "models/cost/collective_traffic.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"

namespace moesim {
namespace {

/// Serving engines reduce with TensorRT-LLM's kind of one-shot kernel, not with NCCL; the newest
/// profile of a library first.
std::size_t rank_of(const CollectiveProfile& profile) {
  static const std::vector<std::string> order = {"TensorRT-LLM", "NCCL", "DeepEP"};
  return static_cast<std::size_t>(std::ranges::find(order, profile.provenance.library) -
                                  order.begin());
}

/// SMs that DeepEP's normal kernels take unless they are told otherwise
/// (https://github.com/deepseek-ai/DeepEP, deep_ep/buffer.py: num_sms = 20).
constexpr std::int64_t kDeepEpSms = 20;

/// Activations are 16 bits wide; tables of plain buffers call that "half" or "bfloat16".
bool fits(const CollectiveFit& fit, std::string_view operation, std::int64_t ranks) {
  const auto& scheme = fit.origin.scheme;
  return fit.operation == operation && fit.nodes == 1 && fit.ranks == ranks &&
         (scheme.empty() || scheme == "half" || scheme == "bfloat16") &&
         (fit.sms == 0 || fit.sms == kDeepEpSms);
}

}  // namespace

MeasuredCollectives::MeasuredCollectives(const std::string& device)
    : sms_(load_device(data_path("models/device"), device).sms) {
  for (const auto& name : collective_profile_names(device))
    profiles_.push_back(shared_collective_profile(collective_profile_file(name)));
  std::ranges::stable_sort(profiles_, [](const auto& a, const auto& b) {
    return rank_of(*a) != rank_of(*b) ? rank_of(*a) < rank_of(*b)
                                      : strverscmp(a->name.c_str(), b->name.c_str()) > 0;
  });
}

std::optional<Prediction> MeasuredCollectives::time(std::string_view operation, const Group& group,
                                                    double bytes, double tokens,
                                                    const TokenShape& shape) const {
  if (operation.empty() || group.nodes() != 1 || group.size() < 2) return std::nullopt;
  for (const auto& a : asked_)
    if (a.bytes == bytes && a.tokens == tokens && a.ranks == group.size() && a.shape == shape &&
        a.operation == operation)
      return a.answer;
  const auto answer = look_up(operation, group.size(), bytes, tokens, shape);
  asked_[oldest_] = {std::string(operation), group.size(), bytes, tokens, shape, answer};
  oldest_ = (oldest_ + 1) % asked_.size();
  return answer;
}

std::optional<Prediction> MeasuredCollectives::look_up(std::string_view operation, int ranks,
                                                       double bytes, double tokens,
                                                       const TokenShape& shape) const {
  const double blocks =
      operation.starts_with("low-latency") && shape.experts > 0
          ? static_cast<double>(low_latency_blocks(shape.experts, std::max<std::int64_t>(sms_, 1)))
          : 1;
  for (const auto& profile : profiles_)
    for (const auto& fit : profile->fits)
      if (fits(fit, operation, ranks))
        return fit.predict({bytes, tokens / blocks, static_cast<double>(shape.experts)}, shape);
  return std::nullopt;
}

}  // namespace moesim
