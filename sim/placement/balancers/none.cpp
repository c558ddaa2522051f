// Placements stay as they are.
#include "sim/placement/balancer.hpp"

namespace moesim {
namespace {

class None final : public Balancer {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };
  None(const Config&, const Context&) {}
};

const Register<Balancer, None> none_registered("none", "placements stay as they are");

}  // namespace
}  // namespace moesim
