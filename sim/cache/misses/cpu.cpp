// Fiddler (arXiv 2402.07033): compute a missing expert on the CPU when that is sooner done than
// bringing it to the GPU. The CPU's time is a constant plus a time per token; 3 ms is what HOBBIT
// measured for Fiddler's kernels and one Mixtral expert (arXiv 2411.01433 section 5.3).
#include "sim/cache/miss_policy.hpp"

namespace moesim {
namespace {

class Cpu final : public MissPolicy {
 public:
  struct Config {
    Seconds time{3e-3}, time_per_token{0};
    bool always = false;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("time", &Config::time, "of one expert on the CPU")
              .min(0)
              .optional("time_per_token", &Config::time_per_token, "added for every token")
              .min(0)
              .optional("always", &Config::always,
                        "never load, as llama.cpp with experts on the CPU");
      return list;
    }
  };
  Cpu(const Config& config, const Context&) : config_(config) {}
  Answer answer(const Question& question) override {
    Answer answer;
    answer.cpu_time = config_.time + static_cast<double>(question.tokens) * config_.time_per_token;
    if (config_.always || answer.cpu_time < question.load_time + question.gpu_time)
      answer.action = Answer::Action::cpu;
    return answer;
  }

 private:
  Config config_;
};

const Register<MissPolicy, Cpu> cpu_registered("cpu",
                                               "compute on the CPU when that is sooner (Fiddler)");

}  // namespace
}  // namespace moesim
