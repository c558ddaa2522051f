#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/cache/expert_memory.hpp"

namespace moesim {

const std::vector<std::string>& names_of(Preload) {
  static const std::vector<std::string> names = {"none", "popular", "in_order"};
  return names;
}

const Parameters<TierConfig>& TierConfig::parameters() {
  using P = TierConfig;
  static const auto list =
      Parameters<P>()
          .required("name", &P::name, "how it is called: host, nvme, ddr, ...", "host")
          .required("capacity", &P::capacity, "what it can hold of the experts", "256 GiB")
          .above(0)
          .required("bandwidth", &P::bandwidth, "of a copy to the tier before it", "25 GB/s")
          .above(0)
          .optional("latency", &P::latency, "start-up of every copy")
          .min(0)
          .optional("total_bandwidth", &P::total_bandwidth,
                    "of all GPUs of a node together, as of host memory or a disk (default: no "
                    "limit of the nearest tier, one link of the others)")
          .above(0);
  return list;
}

const Parameters<ExpertMemoryConfig>& ExpertMemoryConfig::parameters() {
  using P = ExpertMemoryConfig;
  static const auto list =
      Parameters<P>()
          .optional("slots_per_layer", &P::slots_per_layer,
                    "experts of each MoE layer in the memory of every GPU")
          .min(1)
          .optional("slots", &P::slots,
                    "experts in the memory of every GPU, of whichever layers (instead)")
          .min(1)
          .optional("staging", &P::staging,
                    "buffers beside the slots, for copies on their way; 0: they go to slots")
          .min(0)
          .optional("small_slots", &P::small_slots,
                    "copies of lower precision beside the slots, of whichever layers (HOBBIT); 0: "
                    "they take slots")
          .min(0)
          .optional("tiers", &P::tiers, "where the other experts lie, the nearest first")
          .optional("expert_bytes", &P::expert_bytes, "of one expert (default: the model's)")
          .above(0)
          .optional("policy", &P::policy, "which expert leaves a slot")
          .optional("prefetcher", &P::prefetcher, "which experts are fetched beforehand")
          .optional("miss", &P::miss, "what happens when an expert is not there")
          .optional("order", &P::order,
                    "of copies; fifo: as they come, priority: demand loads before prefetches")
          .optional("chunk", &P::chunk, "copies go in pieces of this size (default: whole)")
          .min(0)
          .optional("drop_wrong", &P::drop_wrong,
                    "a prefetch that has not begun is dropped when the gate chose otherwise")
          .optional("overlap", &P::overlap, "experts that are there compute while the others come")
          .optional("flush", &P::flush, "the slots are empty before every request")
          .optional("write_back", &P::write_back,
                    "an expert that leaves its slot is copied back over the link, as the code of "
                    "Mixtral-offloading does (default: it is dropped)")
          .optional("by_request", &P::by_request,
                    "every request has choices of its own from its first token to its last "
                    "(default: all tokens follow one stream in the order of their computation)")
          .optional("gpus_per_link", &P::gpus_per_link,
                    "GPUs behind one switch: they share the link to the nearest tier")
          .min(1)
          .optional("preload", &P::preload,
                    "what lies in the slots before the first request; popular: the experts chosen "
                    "most often, in_order: those of the first layers (default: none)")
          .unwritten_when_absent();
  return list;
}

void ExpertMemoryConfig::check(const Node& at) const {
  if (slots_per_layer.has_value() == slots.has_value())
    throw InputError(at.where, "give slots_per_layer or slots: how many experts GPU memory holds");
  if (small_slots > 0 && (staging > 0 || miss.type != "lower-precision"))
    throw InputError(at.where,
                     "small_slots hold the copies of miss policy 'lower-precision', without "
                     "staging buffers");
  if (tiers.empty())
    throw InputError(at.where,
                     "tiers: at least one must hold the experts that have no slot (for example: "
                     "[{name: host, capacity: 256 GiB, bandwidth: 25 GB/s}])");
}

std::int64_t ExpertMemoryConfig::total_slots(const CacheShape& shape) const {
  const auto full = slots.value_or(slots_per_layer.value_or(0) * shape.layers);
  if (small_slots == 0) return full;
  const double share = miss.make({shape, 0})->small_share();
  return full + static_cast<std::int64_t>(std::ceil(static_cast<double>(small_slots) * share));
}

ExpertMemoryCounts& ExpertMemoryCounts::operator+=(const ExpertMemoryCounts& other) {
  hits += other.hits;
  late += other.late;
  misses += other.misses;
  skipped += other.skipped;
  on_cpu += other.on_cpu;
  prefetched += other.prefetched;
  wasted += other.wasted;
  bytes_loaded += other.bytes_loaded;
  written_back += other.written_back;
  other_bytes += other.other_bytes;
  link_bytes.resize(std::max(link_bytes.size(), other.link_bytes.size()));
  for (std::size_t t = 0; t < other.link_bytes.size(); ++t) link_bytes[t] += other.link_bytes[t];
  stall += other.stall;
  compute += other.compute;
  return *this;
}

ExpertMemoryConfig part_of_tiers(ExpertMemoryConfig config, std::int64_t gpus) {
  for (auto& tier : config.tiers) tier.capacity = tier.capacity / static_cast<double>(gpus);
  return config;
}

void check_expert_memory(const ExpertMemoryConfig& config, const CacheShape& shape,
                         Bytes expert_bytes, std::int64_t gpus, const Location& where) {
  const auto pool = config.slots.has_value();
  const auto slots = pool ? *config.slots : *config.slots_per_layer;
  if (slots + config.staging < shape.top_k)
    throw InputError(where,
                     fmt::format("{} slots{} + {} staging buffers hold less than one token "
                                 "needs in a layer: {} experts",
                                 slots, pool ? "" : " per layer", config.staging, shape.top_k));
  const auto most = pool ? shape.all() : shape.experts;
  const auto* part = gpus > 1 ? " of every GPU" : "";
  if (slots > most)
    throw InputError(where, fmt::format("{} slots{}, but there are only {} experts{}", slots,
                                        pool ? "" : " per layer", most, part));
  constexpr double kMostPieces = 10'000;  // each is an event
  if (config.chunk > Bytes(0) && expert_bytes / config.chunk > kMostPieces)
    throw InputError(
        where,
        fmt::format("chunk: an expert of {:.1f} MB would come in {:.0f} pieces; at most {:.0f} "
                    "are simulated, of {:.1f} kB",
                    expert_bytes.value / 1e6, expert_bytes / config.chunk, kMostPieces,
                    expert_bytes.value / kMostPieces / 1e3));
  const auto all = static_cast<double>(shape.all()) * expert_bytes;
  const auto& last = config.tiers.back();
  const auto of_node = static_cast<double>(gpus) * all;
  if (last.capacity < of_node)
    throw InputError(
        where,
        fmt::format("the experts do not fit in tier '{}': {}{} layers x {} experts x {:.1f} MB "
                    "= {:.1f} GB, capacity {:.1f} GB",
                    last.name, gpus > 1 ? fmt::format("{} GPUs of a node x ", gpus) : "",
                    shape.layers, shape.experts, expert_bytes.value / 1e6, of_node.value / 1e9,
                    last.capacity.value / 1e9));
}

}  // namespace moesim
