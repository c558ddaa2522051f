// Compressed experts (arXiv 2503.00634): a token's main experts run at full size, its auxiliary
// ones are replaced by compact vectors, whose cost is left out. The paper keeps half of them.
#include "sim/routing/router.hpp"
#include "sim/routing/select.hpp"

namespace moesim {
namespace {

class Compressed final : public Router {
 public:
  struct Config {
    std::optional<std::int64_t> main;
    static const Parameters<Config>& parameters() {
      static const auto list =
          Parameters<Config>()
              .optional("main", &Config::main,
                        "experts of a token that stay at full size (default: half of top_k)")
              .min(1);
      return list;
    }
  };

  Compressed(const Config& config, const Context& context)
      : Router(context), main_(config.main.value_or(std::max<std::int64_t>(1, context.top_k / 2))) {
    if (main_ > context.top_k)
      throw InputError("router compressed: main = " + std::to_string(main_) +
                       " of top_k = " + std::to_string(context.top_k));
  }
  std::int64_t width() const override { return main_; }

 private:
  void choose(std::span<const float> logits, std::span<std::uint16_t> chosen) override {
    select_top(logits, chosen);
  }
  std::int64_t main_;
};

const Register<Router, Compressed> compressed_registered(
    "compressed", "main experts at full size, the others as vectors (compressed experts)");

}  // namespace
}  // namespace moesim
