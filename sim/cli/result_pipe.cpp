#include "sim/cli/result_pipe.hpp"

#include <cstring>
#include <type_traits>

#include "sim/core/error.hpp"

namespace moesim {
namespace {

/// Visits every field once, so that packing and unpacking cannot disagree.
template <class Archive, class R>
void fields(Archive& a, R& r) {
  a(r.title), a(r.scenario), a(r.seed), a(r.wall_s), a(r.peak_rss_bytes), a(r.events),
      a(r.simulated_s), a(r.gpus);
  a(r.submitted), a(r.completed), a(r.failed), a(r.input_tokens), a(r.output_tokens);
  a(r.output_tokens_per_s), a(r.total_tokens_per_s), a(r.requests_per_s),
      a(r.output_tokens_per_s_per_gpu);
  a(r.ttft_s), a(r.tpot_s), a(r.itl_s), a(r.e2e_s), a(r.queue_s), a(r.goodput);
  a(r.prefill_steps), a(r.decode_steps), a(r.mixed_steps), a(r.mean_decode_s), a(r.preemptions);
  a(r.moe), a(r.cache), a(r.prefix_cache), a(r.network), a(r.link_events), a(r.disaggregation),
      a(r.time_outside_calibration_fraction), a(r.time_breakdown_s);
  a(r.requests), a(r.steps), a(r.phases), a(r.expert_load_tokens), a(r.moe_layers);
}

struct Writer {
  std::string out;

  template <class T>
  requires std::is_trivially_copyable_v<T>
  void operator()(const T& value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void operator()(const std::string& text) {
    (*this)(text.size());
    out += text;
  }
  void operator()(const Node& node) { (*this)(to_yaml(node)); }
  void operator()(const PhaseRow& row) {
    (*this)(row.track), (*this)(row.name), (*this)(row.start_s), (*this)(row.duration_s);
  }
  void operator()(const std::pair<std::string, double>& pair) {
    (*this)(pair.first), (*this)(pair.second);
  }
  template <class T>
  void operator()(const std::vector<T>& values) {
    (*this)(values.size());
    for (const auto& value : values) (*this)(value);
  }
};

struct Reader {
  const std::string& in;
  std::size_t at = 0;

  const char* take(std::size_t bytes) {
    if (in.size() - at < bytes) throw SimulationError("a run ended before its result was whole");
    const char* start = in.data() + at;
    at += bytes;
    return start;
  }
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void operator()(T& value) {
    std::memcpy(static_cast<void*>(&value), take(sizeof value), sizeof value);
  }
  void operator()(std::string& text) {
    std::size_t size = 0;
    (*this)(size);
    text.assign(take(size), size);
  }
  void operator()(Node& node) {
    std::string text;
    (*this)(text);
    node = parse_yaml(text, "result");
  }
  void operator()(PhaseRow& row) {
    (*this)(row.track), (*this)(row.name), (*this)(row.start_s), (*this)(row.duration_s);
  }
  void operator()(std::pair<std::string, double>& pair) {
    (*this)(pair.first), (*this)(pair.second);
  }
  template <class T>
  void operator()(std::vector<T>& values) {
    std::size_t size = 0;
    (*this)(size);
    values.clear();
    for (std::size_t i = 0; i < size; ++i) {
      T value{};
      (*this)(value);
      values.push_back(std::move(value));
    }
  }
};

}  // namespace

std::string pack(const Result& result) {
  Writer writer;
  fields(writer, result);
  return std::move(writer.out);
}

Result unpack(const std::string& bytes) {
  Result result;
  Reader reader{bytes};
  fields(reader, result);
  return result;
}

}  // namespace moesim
