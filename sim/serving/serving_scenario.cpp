#include "sim/serving/serving_scenario.hpp"

#include <fmt/format.h>

#include "sim/serving/disaggregation.hpp"
#include "sim/serving/engine_profile.hpp"

namespace moesim {

const std::vector<std::string>& names_of(Executor) {
  static const std::vector<std::string> names = {"lockstep", "event"};
  return names;
}

const Parameters<ModelConfig>& ModelConfig::parameters() {
  static const auto list = Parameters<ModelConfig>()
                               .required("name", &ModelConfig::name,
                                         "a model that ships (`moesim model list`), its Hugging "
                                         "Face id, or a path to a config.json or YAML",
                                         "deepseek-r1")
                               .optional("dtype", &ModelConfig::dtype,
                                         "number formats that differ from the checkpoint's")
                               .optional("experts", &ModelConfig::experts,
                                         "routed experts of an MoE layer, where the model comes "
                                         "with several numbers of them (Switch)")
                               .min(1)
                               .unwritten_when_absent()
                               .optional("expert_width", &ModelConfig::expert_width,
                                         "share of the routed experts' intermediate size that "
                                         "is kept (pruned or decomposed experts)")
                               .above(0)
                               .max(1)
                               .unwritten_when_absent()
                               .optional("decoder_alone", &ModelConfig::decoder_alone,
                                         "of an encoder-decoder model, its decoder without "
                                         "cross-attention, as the stand-in for its decode steps")
                               .unwritten_when_absent();
  return list;
}

const Parameters<WorkloadConfig>& WorkloadConfig::parameters() {
  static const auto list =
      Parameters<WorkloadConfig>()
          .optional("requests", &WorkloadConfig::requests,
                    "number of requests (default 500, or every row of the trace)")
          .min(1)
          .max(100'000'000)
          .optional("arrivals", &WorkloadConfig::arrivals, "when requests come")
          .optional("lengths", &WorkloadConfig::lengths, "how many tokens they bring and ask for")
          .optional("trace", &WorkloadConfig::trace,
                    "file of recorded requests; replaces arrivals and lengths (Azure CSV, Mooncake "
                    "JSONL or CSV, "
                    "LLMServingSim CSV, or arrival_s,input_tokens,output_tokens)")
          .optional("hash_block", &WorkloadConfig::hash_block,
                    "tokens of a block that the trace has an id for (hash_ids; default 512, as in "
                    "Mooncake's traces)")
          .min(1)
          .unwritten_when_absent()
          .optional("shared_prefix", &WorkloadConfig::shared_prefix,
                    "tokens at the beginning of every generated prompt that all prompts have in "
                    "common, a system prompt; part of the input lengths")
          .min(1)
          .unwritten_when_absent();
  return list;
}

void WorkloadConfig::check(const Node& at) const {
  if (!trace && !lengths)
    throw InputError(
        at.where,
        "missing parameter 'lengths' (or 'trace'): how many tokens requests bring and ask for");
  if (trace && shared_prefix)
    throw InputError(at.find("shared_prefix")->where,
                     "shared_prefix beside a trace, whose hash_ids say which prompts begin alike: "
                     "leave one of them out");
  if (!trace && !arrivals)
    throw InputError(at.where, "missing parameter 'arrivals' (or 'trace'): when requests come");
}

const Parameters<SpeculationConfig>& SpeculationConfig::parameters() {
  static const auto list =
      Parameters<SpeculationConfig>()
          .required("tokens", &SpeculationConfig::tokens, "proposed per step and sequence", "3")
          .min(1)
          .max(16)
          .required("acceptance_length", &SpeculationConfig::acceptance_length,
                    "mean number of tokens that a verified step gives, 1 to tokens + 1; depends on "
                    "model, draft and text",
                    "2.4")
          .min(1)
          .optional("draft_layers", &SpeculationConfig::draft_layers,
                    "layers, as large as the model's last one, that propose a token (DeepSeek-V3's "
                    "module for multi-token prediction has one)")
          .min(1);
  return list;
}

const Parameters<TwoBatchConfig>& TwoBatchConfig::parameters() {
  static const auto list =
      Parameters<TwoBatchConfig>()
          .optional("communication_sms", &TwoBatchConfig::communication_sms,
                    "SMs that dispatch and combine take from computation: 20 for DeepEP's normal "
                    "kernels (Buffer.num_sms), none for its low-latency ones with their hook")
          .min(0);
  return list;
}

void SpeculationConfig::check(const Node& at) const {
  if (acceptance_length > static_cast<double>(tokens + 1))
    throw InputError(at.find("acceptance_length")->where,
                     fmt::format("acceptance_length {} with {} proposed tokens: a step gives at "
                                 "most {}",
                                 acceptance_length, tokens, tokens + 1));
}

const Parameters<EngineConfig>& EngineConfig::parameters() {
  static const auto list =
      Parameters<EngineConfig>()
          .optional("profile", &EngineConfig::profile,
                    "engine whose values the others start from: vllm, sglang, trtllm, with host "
                    "times fitted to measured serving (sim/serving/engines); empty: none")
          .optional(
              "executor", &EngineConfig::executor,
              "how a step is executed; lockstep: phase by phase, each as long as its slowest rank; "
              "event: every rank an actor with queues for computation, communication and "
              "copies, for small systems")
          .optional("max_batched_tokens", &EngineConfig::max_batched_tokens,
                    "token budget of a step and data rank (vLLM's max_num_batched_tokens)")
          .min(1)
          .optional("max_sequences", &EngineConfig::max_sequences,
                    "running requests per data rank (vLLM's max_num_seqs)")
          .min(1)
          .optional(
              "max_model_length", &EngineConfig::max_model_length,
              "longest request, input + output; longer ones fail (default: the model's positions)")
          .min(1)
          .optional("block_size", &EngineConfig::block_size, "tokens per block of KV memory")
          .min(1)
          .optional(
              "host_time", &EngineConfig::host_time,
              "host time per step that the GPU does not hide (scheduling, launches, sampling)")
          .min(0)
          .optional("sequence_time", &EngineConfig::sequence_time,
                    "the same per request in the step's batch")
          .min(0)
          .unwritten_when_absent()
          .optional("asynchronous_scheduling", &EngineConfig::asynchronous_scheduling,
                    "the host prepares the next step while the GPU computes: host_time and "
                    "sequence_time count only where they exceed the step's own time")
          .unwritten_when_absent()
          .optional("graph_max_batch", &EngineConfig::graph_max_batch,
                    "largest batch of decode steps that were captured as CUDA graphs, 0: none "
                    "(--enforce-eager); steps with prompt tokens never are")
          .min(0)
          .optional(
              "graph_padding", &EngineConfig::graph_padding,
              "such steps run as graphs of 1, 2, 4 sequences or a multiple of this, as many on "
              "every data rank as on the fullest one: the rows of padding cost projections, "
              "norms, router, dense and shared experts and all-reduces, but no attention and "
              "no routed expert (default: a graph for every number)")
          .min(1)
          .unwritten_when_absent()
          .optional("graph_padding_up_to", &EngineConfig::graph_padding_up_to,
                    "with graph_padding: powers of two beyond this many sequences (default: "
                    "multiples there too)")
          .min(1)
          .unwritten_when_absent()
          .optional("piecewise_graphs", &EngineConfig::piecewise_graphs,
                    "steps with prompt tokens are CUDA graphs too, but for attention "
                    "(TensorRT-LLM's enable_piecewise_cuda_graph; default false)")
          .unwritten_when_absent()
          .optional("prefix_caching", &EngineConfig::prefix_caching,
                    "a request skips the tokens at the beginning of its prompt whose keys and "
                    "values another one left in KV memory (vLLM's enable_prefix_caching, SGLang's "
                    "radix cache; default false); what begins alike: workload.trace with hash_ids, "
                    "or workload.shared_prefix")
          .unwritten_when_absent()
          .optional("launch_time", &EngineConfig::launch_time,
                    "host time to launch one kernel: a step that is no CUDA graph takes at least "
                    "that for each of its kernels, however small they are")
          .min(0)
          .optional("experts_launch_time", &EngineConfig::experts_launch_time,
                    "the same to launch the routed experts of one layer, on top of launch_time for "
                    "each of their kernels, where their kernels are started from Python "
                    "(TensorRT-LLM's moe_config.backend TRITON)")
          .min(0)
          .unwritten_when_absent()
          .optional("layer_time", &EngineConfig::layer_time,
                    "time of every layer that no kernel of the cost model accounts for (an eager "
                    "framework, a processor without a profile); copies of experts go on meanwhile")
          .min(0)
          .unwritten_when_absent()
          .optional("swap_bandwidth", &EngineConfig::swap_bandwidth,
                    "keys and values of a preempted request go to host memory over a link of this "
                    "bandwidth and come back, behind the experts that come over it too (default: "
                    "they are computed again)")
          .above(0)
          .unwritten_when_absent()
          .optional("request_time", &EngineConfig::request_time,
                    "time that the front end (HTTP, tokenizer) takes for a request before it is "
                    "queued, one request after the other")
          .min(0)
          .optional(
              "token_time", &EngineConfig::token_time,
              "time that the front end takes to cut a prompt into tokens, per token; requests "
              "side by side")
          .min(0)
          .optional("stream_interval", &EngineConfig::stream_interval,
                    "steps of a request between two responses to the client (TensorRT-LLM's "
                    "stream_interval)")
          .min(1)
          .optional("stream_first", &EngineConfig::stream_first,
                    "the first token is a response of its own; false: it comes with the first "
                    "full interval")
          .optional("results_after_launch", &EngineConfig::results_after_launch,
                    "the tokens of a step are looked at when the host has launched the kernels of "
                    "the next one (SGLang's overlap scheduler; default false); without effect on "
                    "CUDA graphs and with pipeline stages")
          .unwritten_when_absent()
          .optional("stream_together", &EngineConfig::stream_together,
                    "all requests are responded to at the same steps, every stream_interval-th of "
                    "the engine; the first token waits for the next of them (TensorRT-LLM 1.2; "
                    "default false)")
          .unwritten_when_absent()
          .optional("speculation", &EngineConfig::speculation,
                    "decode steps verify tokens that a draft proposed")
          .optional("two_batch_overlap", &EngineConfig::two_batch_overlap,
                    "layers run on two halves of the batch, one computing while the other "
                    "communicates (SGLang's --enable-two-batch-overlap, vLLM's --enable-dbo); {}: "
                    "with defaults")
          .unwritten_when_absent()
          .optional("drawn_layers", &EngineConfig::drawn_layers,
                    "MoE layers that a stage computes per step, others take the time of a "
                    "neighbour that was; steps inside the timeline compute all (default: all)")
          .min(2)
          .unwritten_when_absent()
          .optional("scheduler", &EngineConfig::scheduler, "which requests run in the next step")
          .optional("request_router", &EngineConfig::request_router,
                    "which data rank serves a request")
          .optional("memory", &EngineConfig::memory, "what the engine may use of a GPU's memory");
  return list;
}

const Parameters<SloConfig>& SloConfig::parameters() {
  static const auto list =
      Parameters<SloConfig>()
          .optional("ttft", &SloConfig::ttft, "limit of the time to first token")
          .above(0)
          .optional("tpot", &SloConfig::tpot, "limit of the time per output token")
          .above(0)
          .optional("e2e", &SloConfig::e2e, "limit of the whole request")
          .above(0);
  return list;
}

const Parameters<TimelineConfig>& TimelineConfig::parameters() {
  static const auto list =
      Parameters<TimelineConfig>()
          .optional("start", &TimelineConfig::start,
                    "start of the window in which every phase is recorded")
          .min(0)
          .optional("duration", &TimelineConfig::duration, "length of that window")
          .min(0);
  return list;
}

const Parameters<ServingScenario>& ServingScenario::parameters() {
  static const auto list =
      Parameters<ServingScenario>()
          .optional("title", &ServingScenario::title, "one line that names the scenario")
          .optional("question", &ServingScenario::question, "what the scenario is there to answer")
          .optional("seed", &ServingScenario::seed, "seed of every random stream")
          .min(0)
          .required("model", &ServingScenario::model, "what is served", "{name: deepseek-r1}")
          .required("cluster", &ServingScenario::cluster, "on what", "{node: hgx-h200}")
          .optional("parallel", &ServingScenario::parallel, "how the model lies on the GPUs")
          .optional("cost", &ServingScenario::cost, "what operations cost on a GPU")
          .optional("routing", &ServingScenario::routing,
                    "which experts tokens go to, and where those are")
          .optional("cache", &ServingScenario::cache,
                    "GPU memory holds some of the experts, the others come over a link")
          .optional("composition", &ServingScenario::composition,
                    "requests ask for one of many whole models, of which GPU memory holds a few")
          .unwritten_when_absent()
          .required("workload", &ServingScenario::workload, "the requests",
                    "{arrivals: {type: poisson, rate: 4 /s}, lengths: {type: fixed, input: 512, "
                    "output: 128}}")
          .optional("engine", &ServingScenario::engine, "the serving engine of every data rank")
          .optional("disaggregation", &ServingScenario::disaggregation,
                    "prompts and decode steps run in two pools of workers; replaces parallel")
          .unwritten_when_absent()
          .optional("network", &ServingScenario::network, "how communication is simulated")
          .optional("slo", &ServingScenario::slo, "limits that a good request meets; gives goodput")
          .optional("timeline", &ServingScenario::timeline,
                    "window of the detailed timeline (--trace)");
  return list;
}

namespace {

/// `engine` as read from the section at `path` of the document; null: it has none.
void check_graphs(const EngineConfig* engine, const Node& document,
                  std::initializer_list<const char*> path) {
  if (engine == nullptr || !engine->graph_padding_up_to || engine->graph_padding) return;
  const Node* section = &document;
  for (const char* key : path)
    if (const Node* inner = section->find(key)) section = inner;
  throw InputError(section->where,
                   "graph_padding_up_to says where the multiples of graph_padding end, which is "
                   "missing (for example: graph_padding: 8)");
}

}  // namespace

ServingScenario read_serving_scenario(const Node& document) {
  Node known = with_engine_profile(document);
  known.erase("kind");  // said where files of several kinds lie together
  auto scenario = ServingScenario::parameters().read(known);
  for (const auto& condition : scenario.cluster.links)
    if (condition.at > Seconds(0) && scenario.network.fidelity != Fidelity::pairwise)
      throw InputError(document.find("cluster")->find("links")->where,
                       "cluster.links: a link between '" + condition.from + "' and '" +
                           condition.to +
                           "' changes after the start; serving scenarios take such a change with "
                           "network.fidelity: pairwise, others only conditions that hold from the "
                           "start");
  check_graphs(&scenario.engine, document, {"engine", "graph_padding_up_to"});
  if (const auto& pools = scenario.disaggregation) {
    const auto engine = [](const PoolConfig& pool) {
      return pool.engine ? &*pool.engine : nullptr;
    };
    check_graphs(engine(pools->prefill), document,
                 {"disaggregation", "prefill", "engine", "graph_padding_up_to"});
    check_graphs(engine(pools->decode), document,
                 {"disaggregation", "decode", "engine", "graph_padding_up_to"});
    check_disaggregation(scenario, document);
  }
  return scenario;
}

ScenarioPlaces places_of(const Node& document) {
  const auto place = [&](const char* section, const char* key) {
    const Node* node = document.find(section);
    if (node == nullptr) return document.where;
    if (!node->is_mapping()) return node->where;
    const Node* value = node->find(key);
    return value == nullptr ? node->where : value->where;
  };
  ScenarioPlaces places{place("model", "name"),
                        place("parallel", ""),
                        place("workload", "lengths"),
                        place("cache", ""),
                        {},
                        place("composition", ""),
                        place("engine", "prefix_caching")};
  if (document.find("disaggregation") != nullptr) {
    places.parallel = place("disaggregation", "prefill");
    places.decode = place("disaggregation", "decode");
  }
  return places;
}

}  // namespace moesim
