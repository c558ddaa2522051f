// Recorded choices, in any of the forms of recorded_trace.hpp. Tokens are drawn in a random but
// fixed order, since a batch mixes many sequences; or, for expert caches, as they were recorded.
#include <algorithm>
#include <numeric>

#include "sim/core/input_path.hpp"
#include "sim/core/random.hpp"
#include "sim/routing/choice_source.hpp"
#include "sim/routing/recorded_trace.hpp"

namespace moesim {
namespace {

class Trace final : public ChoiceSource {
 public:
  struct Config {
    InputPath file;
    bool mixed = true;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .required("file", &Config::file,
                        "recorded choices: CSV (columns l1, l2, ..., or one row per layer and "
                        "token), JSON (list of steps) or JSONL",
                        "sim/routing/sources/example_choices.csv")
              .optional("mixed", &Config::mixed,
                        "tokens in random order, as batches of many requests see them; false: as "
                        "recorded");
      return list;
    }
  };

  Trace(const Config& config, const Context& context)
      : context_(context),
        trace_(read_recorded_trace(config.file.path,
                                   {context.moe_layers, context.experts, context.top_k})) {
    order_tokens(config.mixed);
  }

  Choices sample(std::int64_t layer, std::int64_t tokens, Router&) override {
    const auto used = std::min(static_cast<std::size_t>(tokens), order_.size());
    Choices choices{context_.top_k, {}};
    choices.experts.reserve(used * static_cast<std::size_t>(context_.top_k));
    for (std::size_t t = 0; t < used; ++t) {
      const auto recorded = trace_.choices(layer, static_cast<std::int64_t>(order_[t]));
      choices.experts.insert(choices.experts.end(), recorded.begin(), recorded.end());
    }
    return choices;
  }

 private:
  void order_tokens(bool mixed) {
    order_.resize(static_cast<std::size_t>(trace_.tokens()));
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    if (!mixed) return;
    const RandomStream stream(context_.seed, stream_id("trace order"));
    for (std::size_t i = order_.size() - 1; i > 0; --i)
      std::swap(order_[i], order_[stream.below(i, i + 1)]);
  }

  Context context_;
  RecordedTrace trace_;
  std::vector<std::size_t> order_;
};

const Register<ChoiceSource, Trace> trace_registered(
    "trace", "recorded choices of every token, from a file");

}  // namespace
}  // namespace moesim
