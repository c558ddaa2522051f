#include "sim/report/chrome_trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "sim/core/error.hpp"
#include "sim/report/json_text.hpp"

namespace moesim {
namespace {

// Process numbers: sections of the timeline from top to bottom.
constexpr int kEngine = 1;
constexpr int kResources = 2;
constexpr int kRequests = 3;

/// One line of the file; `order` breaks ties so that a slice opens before what it holds.
struct Event {
  std::int64_t start_ns = 0;
  std::int64_t order = 0;
  std::string text;
};

struct Slice {
  std::int64_t start_ns = 0, end_ns = 0;
  std::string name;  ///< a JSON string
  std::string args;  ///< a JSON object, or empty
};

std::int64_t nanoseconds(double seconds) { return std::llround(seconds * 1e9); }

std::string microseconds(std::int64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); }

/// Rounding both ends may make neighbours overlap by a nanosecond or two: the earlier one is cut.
/// More is a defect of the simulation, and Perfetto would drop such slices silently.
constexpr std::int64_t kRounding_ns = 2;

/// Sorts, and checks that the slices of one track are disjoint or nested.
void arrange(std::vector<Slice>& slices, const std::string& track) {
  std::stable_sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
    return a.start_ns != b.start_ns ? a.start_ns < b.start_ns : a.end_ns > b.end_ns;
  });
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    auto& slice = slices[i];
    while (!open.empty() && slices[open.back()].end_ns <= slice.start_ns + kRounding_ns &&
           slices[open.back()].end_ns < slice.end_ns) {
      auto& before = slices[open.back()];
      before.end_ns = std::min(before.end_ns, slice.start_ns);
      open.pop_back();
    }
    if (!open.empty() && slice.end_ns > slices[open.back()].end_ns) {
      auto& outer = slices[open.back()];
      if (slice.end_ns > outer.end_ns + kRounding_ns)
        throw SimulationError(fmt::format("timeline: {} and {} overlap on '{}' at {} us",
                                          outer.name, slice.name, track,
                                          microseconds(slice.start_ns)));
      slice.end_ns = outer.end_ns;
    }
    open.push_back(i);
  }
}

class Trace {
 public:
  void name_process(int process, std::string_view name) {
    metadata_ += fmt::format(
        R"({{"ph":"M","name":"process_name","pid":{0},"tid":0,"args":{{"name":{1}}}}},)"
        "\n"
        R"({{"ph":"M","name":"process_sort_index","pid":{0},"tid":0,"args":{{"sort_index":{0}}}}},)"
        "\n",
        process, json_string(name));
  }

  void add_track(int process, int thread, const std::string& name, std::vector<Slice> slices) {
    metadata_ += fmt::format(
        R"({{"ph":"M","name":"thread_name","pid":{0},"tid":{1},"args":{{"name":{2}}}}},)"
        "\n"
        R"({{"ph":"M","name":"thread_sort_index","pid":{0},"tid":{1},"args":{{"sort_index":{1}}}}},)"
        "\n",
        process, thread, json_string(name));
    arrange(slices, name);
    for (const auto& slice : slices)
      add(slice.start_ns,
          fmt::format(R"({{"ph":"X","name":{},"pid":{},"tid":{},"ts":{},"dur":{}{}}})", slice.name,
                      process, thread, microseconds(slice.start_ns),
                      microseconds(slice.end_ns - slice.start_ns),
                      slice.args.empty() ? "" : ",\"args\":" + slice.args));
  }

  void add_counter(int process, std::string_view name, std::int64_t ns, const std::string& args) {
    add(ns, fmt::format(R"({{"ph":"C","name":{},"pid":{},"ts":{},"args":{}}})", json_string(name),
                        process, microseconds(ns), args));
  }

  /// `phase` b opens and e closes an asynchronous span.
  void add_async(char phase, std::string_view name, std::int64_t id, std::int64_t ns,
                 const std::string& args = "") {
    add(ns,
        fmt::format(R"({{"ph":"{}","cat":"request","name":{},"id":{},"pid":{},"tid":0,"ts":{}{}}})",
                    phase, json_string(name), id, kRequests, microseconds(ns),
                    args.empty() ? "" : ",\"args\":" + args));
  }

  std::string take() {
    std::sort(events_.begin(), events_.end(), [](const Event& a, const Event& b) {
      return a.start_ns != b.start_ns ? a.start_ns < b.start_ns : a.order < b.order;
    });
    std::string out = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n" + metadata_;
    for (const auto& event : events_) out.append(event.text).append(",\n");
    if (out.ends_with(",\n")) out.erase(out.size() - 2);
    return out + "\n]}\n";
  }

 private:
  void add(std::int64_t ns, std::string text) {
    events_.push_back({ns, static_cast<std::int64_t>(events_.size()), std::move(text)});
  }

  std::string metadata_;
  std::vector<Event> events_;
};

std::string_view kind_of(const StepRow& step) {
  if (step.prefill_tokens == 0) return "decode";
  return step.decode_tokens == 0 ? "prefill" : "mixed";
}

void add_steps(Trace& trace, const Result& result) {
  std::map<int, std::vector<Slice>> groups;
  for (const auto& s : result.steps) {
    groups[s.group].push_back(
        {nanoseconds(s.start_s), nanoseconds(s.start_s + s.duration_s), json_string(kind_of(s)),
         fmt::format(R"({{"prefill_tokens":{},"decode_tokens":{},"running":{},"waiting":{}}})",
                     s.prefill_tokens, s.decode_tokens, s.running, s.waiting)});
  }
  if (groups.empty()) return;
  trace.name_process(kEngine, "engine");
  for (auto& [group, slices] : groups)
    trace.add_track(kEngine, group + 1, fmt::format("group {} steps", group), std::move(slices));
  for (const auto& s : result.steps) {
    const auto at = nanoseconds(s.start_s);
    trace.add_counter(kEngine, fmt::format("group {} requests", s.group), at,
                      fmt::format(R"({{"running":{},"waiting":{}}})", s.running, s.waiting));
    trace.add_counter(kEngine, fmt::format("group {} KV memory used [%]", s.group), at,
                      fmt::format(R"({{"used":{:.2f}}})", s.kv_used_fraction * 100));
  }
}

void add_phases(Trace& trace, const Result& result) {
  std::vector<std::string> names;  // tracks in order of appearance
  std::map<std::string, std::vector<Slice>> tracks;
  for (const auto& p : result.phases) {
    auto& slices = tracks[p.track];
    if (slices.empty()) names.push_back(p.track);
    slices.push_back(
        {nanoseconds(p.start_s), nanoseconds(p.start_s + p.duration_s), json_string(p.name), ""});
  }
  if (names.empty()) return;
  trace.name_process(kResources, "resources (timeline window)");
  for (std::size_t i = 0; i < names.size(); ++i)
    trace.add_track(kResources, static_cast<int>(i) + 1, names[i], std::move(tracks[names[i]]));
}

void add_requests(Trace& trace, const Result& result) {
  if (result.requests.empty()) return;
  trace.name_process(kRequests, "requests");
  for (const auto& r : result.requests) {
    const auto name = fmt::format("request {}", r.id);
    const auto arrival = nanoseconds(r.arrival_s);
    const auto scheduled = nanoseconds(r.arrival_s + r.queue_s);
    const auto first = nanoseconds(r.arrival_s + r.ttft_s);
    const auto end = nanoseconds(r.arrival_s + r.e2e_s);
    trace.add_async(
        'b', name, r.id, arrival,
        fmt::format(R"({{"input_tokens":{},"output_tokens":{},"rank":{},"preemptions":{}}})",
                    r.input_tokens, r.output_tokens, r.rank, r.preemptions));
    const auto part = [&](std::string_view what, std::int64_t from, std::int64_t to) {
      if (to <= from) return;
      trace.add_async('b', what, r.id, from);
      trace.add_async('e', what, r.id, to);
    };
    part("queue", arrival, scheduled);
    part("first token", scheduled, first);
    part("decode", first, end);
    trace.add_async('e', name, r.id, end);
  }
}

}  // namespace

std::string chrome_trace(const Result& result, const TraceOptions& options) {
  Trace trace;
  add_steps(trace, result);
  add_phases(trace, result);
  if (options.requests) add_requests(trace, result);
  return trace.take();
}

}  // namespace moesim
