// Compute without what is missing, but for the token's first so many choices.
#include "sim/cache/miss_policy.hpp"

namespace moesim {
namespace {

class Skip final : public MissPolicy {
 public:
  struct Config {
    std::int64_t keep = 1;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("keep", &Config::keep,
                        "first choices of a token that are loaded all the same")
              .min(0);
      return list;
    }
  };
  Skip(const Config& config, const Context&) : keep_(config.keep) {}
  Answer answer(const Question& question) override {
    Answer answer;
    if (question.rank >= keep_) answer.action = Answer::Action::skip;
    return answer;
  }

 private:
  std::int64_t keep_;
};

const Register<MissPolicy, Skip> skip_registered("skip", "compute without it");

}  // namespace
}  // namespace moesim
