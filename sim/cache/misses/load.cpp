// Load the whole expert and wait for it.
#include "sim/cache/miss_policy.hpp"

namespace moesim {
namespace {

class Load final : public MissPolicy {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };
  Load(const Config&, const Context&) {}
  Answer answer(const Question&) override { return {}; }
};

const Register<MissPolicy, Load> load_registered("load", "load it and wait");

}  // namespace
}  // namespace moesim
