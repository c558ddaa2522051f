// Experts are loaded when the gate asks for them.
#include "sim/cache/prefetcher.hpp"

namespace moesim {
namespace {

class NoPrefetch final : public Prefetcher {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };
  NoPrefetch(const Config&, const Context&) {}
  void wanted(const View&, std::vector<ExpertId>&) override {}
};

const Register<Prefetcher, NoPrefetch> no_prefetch_registered("none",
                                                              "nothing is fetched beforehand");

}  // namespace
}  // namespace moesim
