// The tables of collectives and what their columns mean. Traps: NCCL and all-reduce messages are in
// elements, not bytes; DeepEP counts nodes and tokens per rank and gives microseconds, the others
// milliseconds; DeepEP's notify phase does not exist inside a node (zeros).
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "calibrate/collectives.hpp"
#include "models/cost/collective_traffic.hpp"

namespace moesim {
namespace {

enum class Kind { kNccl, kAllReduce, kLowLatency, kNormal, kAllToAll };

std::optional<Kind> kind_of(const CsvTable& t) {
  const auto has = [&](std::initializer_list<std::string_view> names) {
    return std::ranges::all_of(names, [&](auto name) { return t.find_column(name).has_value(); });
  };
  if (has({"op_name", "nccl_dtype", "num_gpus", "message_size", "latency"})) return Kind::kNccl;
  if (has({"allreduce_dtype", "num_gpus", "message_size", "latency"})) return Kind::kAllReduce;
  if (has({"node_num", "num_token", "dispatch_avg_t_us", "combine_avg_t_us"}))
    return Kind::kLowLatency;
  if (has({"node_num", "num_token", "dispatch_transmit_us", "combine_transmit_us"}))
    return Kind::kNormal;
  if (has({"op_name", "moe_ep_size", "num_tokens", "latency"}) &&
      !t.find_column("inter_size").has_value())
    return Kind::kAllToAll;
  return std::nullopt;
}

Kind recognised(const CsvTable& t) {
  if (const auto kind = kind_of(t)) return *kind;
  throw InputError(
      Location{t.file, 1, 1},
      "these columns belong to no known table of collectives: NCCL (op_name, nccl_dtype, num_gpus, "
      "message_size, latency), TensorRT-LLM all-reduce (allreduce_dtype, num_gpus, message_size, "
      "latency), DeepEP low-latency (node_num, hidden_size, num_token, num_topk, num_experts, "
      "dispatch_avg_t_us, combine_avg_t_us), DeepEP normal (..., dispatch_sms, "
      "dispatch_transmit_us, dispatch_notify_us, combine_sms, combine_transmit_us, "
      "combine_notify_us) or TensorRT-LLM all-to-all (op_name, kernel_source, moe_dtype, "
      "num_tokens, "
      "hidden_size, topk, num_experts, moe_ep_size, latency)");
}

std::int64_t count(const CsvTable& t, std::size_t row, std::size_t column, std::int64_t least = 1) {
  const auto value = t.integer(row, column);
  constexpr std::int64_t most = std::int64_t{1} << 50;
  if (value < least || value > most)
    throw InputError(t.at(row, column), fmt::format("column '{}': expected {} or more, found {}",
                                                    t.columns[column], least, value));
  return value;
}

double time_of(const CsvTable& t, std::size_t row, std::size_t column, double unit) {
  const double value = t.number(row, column);
  if (value <= 0)
    throw InputError(t.at(row, column),
                     fmt::format("column '{}': expected a time above 0, found {}",
                                 t.columns[column], t.cell(row, column)));
  return value * unit;
}

/// Bytes of an element of a plain buffer; the names are NCCL's.
std::optional<std::int64_t> element_bytes(std::string_view dtype) {
  if (dtype == "half" || dtype == "bfloat16" || dtype == "float16") return 2;
  if (dtype == "int8" || dtype == "uint8" || dtype == "fp8") return 1;
  if (dtype == "float" || dtype == "float32" || dtype == "int32") return 4;
  return std::nullopt;
}

/// Bytes of a token on the wire. NVFP4 carries one FP8 scale per 16 elements
/// (https://docs.nvidia.com/deeplearning/transformer-engine/, NVFP4), FP8 one scale per tensor.
std::optional<double> token_bytes(std::string_view dtype, std::int64_t hidden) {
  if (dtype == "nvfp4") return static_cast<double>(hidden) * (0.5 + 1.0 / 16);
  if (dtype == "fp8") return static_cast<double>(hidden);
  if (dtype == "bfloat16") return bf16_bytes(hidden);
  return std::nullopt;
}

/// Adds samples and counts what is left out; the second measurement of a call is left out.
class Collector {
 public:
  void add(CollectiveSample sample) {
    const auto key = std::tuple(sample.operation, sample.kernel, sample.scheme, sample.nodes,
                                sample.ranks, sample.sms, sample.shape, sample.size);
    if (seen_.insert(key).second)
      out.samples.push_back(std::move(sample));
    else
      leave_out("measured twice (the first one counts)");
  }
  void leave_out(const std::string& why) { ++out.left_out[why]; }

  ImportedCollectives out;

 private:
  std::set<std::tuple<std::string, std::string, std::string, std::int64_t, std::int64_t,
                      std::int64_t, TokenShape, std::int64_t>>
      seen_;
};

/// NCCL and custom all-reduce: bytes that leave a rank as nccl-tests counts bus bandwidth
/// (https://github.com/NVIDIA/nccl-tests/blob/master/doc/PERFORMANCE.md).
void import_buffers(const CsvTable& t, Kind kind, Collector& into) {
  const bool nccl = kind == Kind::kNccl;
  const auto dtype = t.column(nccl ? "nccl_dtype" : "allreduce_dtype"), gpus = t.column("num_gpus"),
             size = t.column("message_size"), latency = t.column("latency");
  const auto operation = nccl ? t.column("op_name") : dtype;
  const std::set<std::string_view> known = {"all_reduce", "all_gather", "reduce_scatter",
                                            "alltoall"};
  for (std::size_t row = 0; row < t.rows(); ++row) {
    CollectiveSample s;
    s.operation = nccl ? std::string(t.cell(row, operation)) : "all_reduce";
    s.scheme = std::string(t.cell(row, dtype));
    s.ranks = count(t, row, gpus);
    const auto elements = count(t, row, size);
    s.time_s = time_of(t, row, latency, 1e-3);
    s.row = t.at(row, latency).line;
    const auto bytes = element_bytes(s.scheme);
    if (!bytes) {
      into.leave_out(fmt::format("number format '{}'", s.scheme));
    } else if (!known.contains(s.operation)) {
      into.leave_out(fmt::format("operation '{}'", s.operation));
    } else if (s.ranks < 2) {
      into.leave_out("a group of one");
    } else {
      s.size = elements * *bytes;
      s.bytes_per_size = elsewhere(s.ranks) * (s.operation == "all_reduce" ? 2 : 1);
      into.add(std::move(s));
    }
  }
}

struct Phase {
  const char* operation;
  std::size_t time;
  std::optional<std::size_t> sms;
  bool dispatch, notify;
};

void import_deepep(const CsvTable& t, Kind kind, const Device& device, Collector& into) {
  const bool normal = kind == Kind::kNormal;
  const auto nodes = t.column("node_num"), hidden = t.column("hidden_size"),
             tokens = t.column("num_token"), topk = t.column("num_topk"),
             experts = t.column("num_experts");
  std::vector<Phase> phases;
  if (normal) {
    const auto dispatch = t.column("dispatch_sms"), combine = t.column("combine_sms");
    phases = {{"dispatch", t.column("dispatch_transmit_us"), dispatch, true, false},
              {"dispatch notify", t.column("dispatch_notify_us"), dispatch, true, true},
              {"combine", t.column("combine_transmit_us"), combine, false, false},
              {"combine notify", t.column("combine_notify_us"), combine, false, true}};
  } else {
    phases = {{"low-latency dispatch", t.column("dispatch_avg_t_us"), {}, true, false},
              {"low-latency combine", t.column("combine_avg_t_us"), {}, false, false}};
  }
  for (std::size_t row = 0; row < t.rows(); ++row) {
    CollectiveSample s;
    s.nodes = count(t, row, nodes);
    s.ranks = s.nodes * ranks_per_node(device);
    s.size = count(t, row, tokens);
    s.shape = {count(t, row, hidden), count(t, row, topk), count(t, row, experts)};
    s.row = t.at(row, tokens).line;
    const bool impossible = s.shape.topk > s.shape.experts || s.shape.experts % s.ranks != 0;
    for (const auto& phase : phases) {
      if (phase.notify && t.number(row, phase.time) == 0) {
        into.leave_out("no notify phase (inside a node)");
        continue;
      }
      s.operation = phase.operation;
      s.sms = phase.sms ? count(t, row, *phase.sms) : 0;
      s.time_s = time_of(t, row, phase.time, 1e-6);
      if (impossible) {
        into.leave_out("experts that do not divide among the ranks");
        continue;
      }
      const double copies = normal ? copies_per_group(s.shape, s.nodes, s.ranks)
                                   : copies_per_expert(s.shape, s.ranks);
      s.tokens_per_size =
          normal ? 1 : 1 / static_cast<double>(low_latency_blocks(s.shape.experts, device.sms));
      s.bytes_per_size =
          copies * (phase.dispatch ? fp8_block_bytes(s.shape.hidden) : bf16_bytes(s.shape.hidden));
      into.add(s);
    }
  }
}

/// One copy per token and rank. Prepare exchanges the chosen experts, four bytes each; combine
/// brings BF16 back, its low-precision form the format of the dispatch.
void import_alltoall(const CsvTable& t, Collector& into) {
  const auto operation = t.column("op_name"), kernel = t.column("kernel_source"),
             dtype = t.column("moe_dtype"), tokens = t.column("num_tokens"),
             hidden = t.column("hidden_size"), topk = t.column("topk"),
             experts = t.column("num_experts"), ep = t.column("moe_ep_size"),
             latency = t.column("latency");
  for (std::size_t row = 0; row < t.rows(); ++row) {
    CollectiveSample s;
    s.operation = std::string(t.cell(row, operation));
    s.kernel = std::string(t.cell(row, kernel));
    s.scheme = std::string(t.cell(row, dtype));
    s.ranks = count(t, row, ep);
    s.size = count(t, row, tokens);
    s.shape = {count(t, row, hidden), count(t, row, topk), count(t, row, experts)};
    s.time_s = time_of(t, row, latency, 1e-3);
    s.row = t.at(row, latency).line;
    const auto bytes = token_bytes(s.scheme, s.shape.hidden);
    const std::map<std::string_view, double> per_copy = {
        {"alltoall_prepare", 4 * static_cast<double>(s.shape.topk)},
        {"alltoall_dispatch", bytes.value_or(0)},
        {"alltoall_combine", bf16_bytes(s.shape.hidden)},
        {"alltoall_combine_low_precision", bytes.value_or(0)}};
    const auto known = per_copy.find(s.operation);
    if (!bytes) {
      into.leave_out(fmt::format("number format '{}'", s.scheme));
    } else if (known == per_copy.end()) {
      into.leave_out(fmt::format("operation '{}'", s.operation));
    } else if (s.ranks < 2) {
      into.leave_out("a group of one");
    } else if (s.shape.topk > s.shape.experts || s.shape.experts % s.ranks != 0) {
      into.leave_out("experts that do not divide among the ranks");
    } else {
      s.tokens_per_size = 1;
      s.bytes_per_size = known->second * copies_per_group(s.shape, 1, s.ranks);
      into.add(std::move(s));
    }
  }
}

}  // namespace

bool is_collective_table(const CsvTable& table) { return kind_of(table).has_value(); }

std::string collective_library(const CsvTable& table) {
  switch (recognised(table)) {
    case Kind::kNccl:
      return "NCCL";
    case Kind::kAllReduce:
    case Kind::kAllToAll:
      return "TensorRT-LLM";
    case Kind::kLowLatency:
    case Kind::kNormal:
      break;
  }
  return "DeepEP";
}

std::int64_t ranks_per_node(const Device& device) { return device.name == "gb200" ? 4 : 8; }

ImportedCollectives import_collectives(const CsvTable& table, const Device& device) {
  const auto kind = recognised(table);
  if (table.rows() == 0) throw InputError(Location{table.file, 1, 1}, "the table has no rows");
  Collector collector;
  if (kind == Kind::kNccl || kind == Kind::kAllReduce)
    import_buffers(table, kind, collector);
  else if (kind == Kind::kAllToAll)
    import_alltoall(table, collector);
  else
    import_deepep(table, kind, device, collector);
  return std::move(collector.out);
}

}  // namespace moesim
