// Small results whose every figure can be checked by hand. They are not consistent as a run;
// writers do not ask.
#pragma once

#include "sim/metrics/result.hpp"

namespace moesim::testing {

/// Two requests, three steps, four phases, one MoE layer pair of three experts; every optional
/// section present.
inline Result sample_result() {
  Result r;
  r.title = "sample";
  r.scenario = parse_yaml(
      "name: \"12\"\nmodel: Mixtral-8x7B\nrate: 4 /s\nseed: 7\nratio: 0.5\ndry: false\nslo: null\n"
      "list: [1, two]\n",
      "sample.yaml");
  r.seed = 7;
  r.wall_s = 0.25;
  r.peak_rss_bytes = 1000000;
  r.events = 42;
  r.simulated_s = 2;
  r.gpus = 4;
  r.submitted = 3;
  r.completed = 2;
  r.failed = 1;
  r.input_tokens = 300;
  r.output_tokens = 12;
  r.output_tokens_per_s = 6;
  r.total_tokens_per_s = 156;
  r.requests_per_s = 1;
  r.output_tokens_per_s_per_gpu = 1.5;
  r.ttft_s = {0.2, 0.2, 0.28, 0.29, 0.298, 0.3, 2};
  r.tpot_s = {0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 1};
  r.itl_s = {0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 10};
  r.e2e_s = {0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 2};
  r.queue_s = {0, 0, 0, 0, 0, 0, 2};
  r.goodput = Result::Goodput{0.5, 0.5};
  r.prefill_steps = 1;
  r.decode_steps = 1;
  r.mixed_steps = 1;
  r.mean_decode_s = 0.02;
  r.preemptions = 1;
  r.moe = MoeSummary{1.25, 2, 2.5, 0.1, 0.2, 0.4, 0, 0, 0.15};
  r.network = NetworkSummary{1e9, 0.5};
  r.time_outside_calibration_fraction = 0.25;
  r.time_breakdown_s = {{"attention", 0.3}, {"expert GEMMs", 0.6}, {"host overhead", 0.1}};
  r.requests = {{0, 0, 100, 11, 0.0, 0.0, 0.1, 0.02, 0.3, 0},
                {1, 1, 200, 1, 0.5, 0.125, 0.3, 0.0, 0.3, 1}};
  r.steps = {{0, 0.0, 0.1, 100, 0, 1, 0, 0.1},
             {0, 0.1, 0.02, 0, 1, 1, 1, 0.2},
             {0, 0.5, 0.3, 200, 1, 2, 0, 0.5}};
  r.phases = {{"group 0 compute", "layer 0 attention", 0.0, 0.001},
              {"group 0 network", "layer 0 dispatch", 0.001, 0.0005},
              {"group 0 compute", "layer 0 experts", 0.0015, 0.002},
              {"group 0 network", "layer 0 combine", 0.0035, 0.0005}};
  r.expert_load_tokens = {{1, 2, 3}, {0, 4, 2}};
  r.moe_layers = {1, 3};
  return r;
}

}  // namespace moesim::testing
