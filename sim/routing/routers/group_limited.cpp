// Group-limited routing of DeepSeek-V2/V3: experts stand in groups (one per node); a group's score
// is the sum of its two largest sigmoid scores; only the best groups stay, and the top k is taken
// inside them, so that a token visits few nodes. Source: DeepSeek-V3 report, arXiv 2412.19437
// section 2.1.2, and the gate of its reference implementation.
#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "sim/core/portable_math.hpp"
#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"

namespace moesim {
namespace {

class GroupLimited final : public Router {
 public:
  struct Config {
    std::optional<std::int64_t> groups, groups_kept;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("groups", &Config::groups, "expert groups (default: the model's n_group)")
              .min(1)
              .optional("groups_kept", &Config::groups_kept,
                        "groups a token may visit (default: the model's topk_group)")
              .min(1);
      return list;
    }
  };

  GroupLimited(const Config& config, const Context& context)
      : Router(context),
        groups_(config.groups.value_or(context.groups)),
        kept_(config.groups_kept.value_or(context.groups_kept)) {
    if (context.experts % groups_ != 0)
      throw InputError("router group-limited: " + std::to_string(context.experts) +
                       " experts do not divide into " + std::to_string(groups_) + " groups");
    size_ = context.experts / groups_;
    if (kept_ > groups_ || kept_ * size_ < context.top_k)
      throw InputError("router group-limited: " + std::to_string(kept_) + " of " +
                       std::to_string(groups_) + " groups of " + std::to_string(size_) +
                       " experts leave fewer than top_k = " + std::to_string(context.top_k));
    group_score_.resize(static_cast<std::size_t>(groups_));
    best_groups_.resize(static_cast<std::size_t>(kept_));
  }

  std::int64_t groups() const override { return groups_; }

 private:
  void choose(std::span<const float> logits, std::span<std::uint16_t> chosen) override {
    const auto size = static_cast<std::size_t>(size_);
    for (std::size_t g = 0; g < group_score_.size(); ++g)
      group_score_[g] = score(logits.subspan(g * size, size));
    select_top(group_score_, best_groups_);
    masked_.assign(logits.size(), -std::numeric_limits<float>::infinity());
    for (const auto g : best_groups_)
      std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(g * size), size,
                  masked_.begin() + static_cast<std::ptrdiff_t>(g * size));
    select_top(masked_, chosen);
  }

  static float score(std::span<const float> group) {
    float best = -std::numeric_limits<float>::infinity(), second = best;
    for (const float logit : group) {
      if (logit > best)
        second = best, best = logit;
      else if (logit > second)
        second = logit;
    }
    const auto sigmoid = [](float x) {
      return x < -700 ? 0.0 : 1 / (1 + portable_exp(-static_cast<double>(x)));
    };
    return static_cast<float>(sigmoid(best) + (group.size() > 1 ? sigmoid(second) : 0.0));
  }

  std::int64_t groups_, kept_, size_ = 0;
  std::vector<float> group_score_, masked_;
  std::vector<std::uint16_t> best_groups_;
};

const Register<Router, GroupLimited> group_limited_registered(
    "group-limited", "top-k inside the best groups of experts (DeepSeek's node-limited routing)");

}  // namespace
}  // namespace moesim
