#include "sim/serving/trace.hpp"

#include "sim/core/input_path.hpp"
#include "sim/serving/lengths.hpp"

namespace moesim {
namespace {

// The example trace beside this file: the first 20 requests of sharegpt-qwen3-30b-a3b-300-sps10 of
// LLMServingSim (lengths and arrivals only), https://github.com/casys-kaist/LLMServingSim, MIT, (c)
// 2024 CASYS Lab at KAIST.

/// Request i has the lengths of row i of the trace, in order of arrival; after the last row comes
/// the first again.
class TraceLengths final : public Lengths {
 public:
  struct Config {
    InputPath file;
    static const Parameters<Config>& parameters() {
      static const auto list = Parameters<Config>().required(
          "file", &Config::file,
          "a trace (Azure, Mooncake, LLMServingSim or plain; its times are ignored)",
          "sim/serving/lengths/example_trace.csv");
      return list;
    }
  };

  TraceLengths(const Config& config, const Context&) : requests_(read_trace(config.file.path)) {}

  Tokens at(std::int64_t request) const override {
    const auto& row = requests_[static_cast<std::size_t>(request) % requests_.size()];
    return {row.input, row.output};
  }

 private:
  std::vector<TraceRequest> requests_;
};

const Register<Lengths, TraceLengths> trace_lengths_registered(
    "trace", "the lengths of a recorded trace, in its order");

}  // namespace
}  // namespace moesim
