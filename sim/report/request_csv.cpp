#include "sim/report/request_csv.hpp"

#include <fmt/format.h>

#include <iterator>

namespace moesim {

std::string request_csv(const Result& result) {
  std::string out =
      "id,rank,input_tokens,output_tokens,arrival_s,queue_s,ttft_s,tpot_s,e2e_s,preemptions\n";
  auto end = std::back_inserter(out);
  for (const auto& r : result.requests) {
    fmt::format_to(end, "{},{},{},{},{},{},{},", r.id, r.rank, r.input_tokens, r.output_tokens,
                   r.arrival_s, r.queue_s, r.ttft_s);
    if (r.output_tokens > 1) fmt::format_to(end, "{}", r.tpot_s);  // else undefined: left empty
    fmt::format_to(end, ",{},{}\n", r.e2e_s, r.preemptions);
  }
  return out;
}

std::string step_csv(const Result& result) {
  std::string out =
      "group,start_s,duration_s,prefill_tokens,decode_tokens,running,waiting,kv_used_fraction\n";
  for (const auto& s : result.steps)
    fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{},{},{}\n", s.group, s.start_s,
                   s.duration_s, s.prefill_tokens, s.decode_tokens, s.running, s.waiting,
                   s.kv_used_fraction);
  return out;
}

}  // namespace moesim
