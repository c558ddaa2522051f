// Plain top-k: the k largest logits (Shazeer et al., arXiv 1701.06538; every softmax router reduces
// to it).
#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"

namespace moesim {
namespace {

class TopK final : public Router {
 public:
  struct Config {
    static const Parameters<Config>& parameters() {
      static const Parameters<Config> list;
      return list;
    }
  };

  TopK(const Config&, const Context& context) : Router(context) {}

 private:
  void choose(std::span<const float> logits, std::span<std::uint16_t> chosen) override {
    select_top(logits, chosen);
  }
};

const Register<Router, TopK> top_k_registered("top-k", "the k experts with the largest logits");

}  // namespace
}  // namespace moesim
