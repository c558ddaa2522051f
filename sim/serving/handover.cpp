#include "sim/serving/handover.hpp"

#include <algorithm>

namespace moesim {

Handover::Handover(Parts parts)
    : parts_(std::move(parts)),
      prefill_(ranks_of(parts_.prefill)),
      decode_(ranks_of(parts_.decode)) {
  for (auto* group : parts_.prefill)
    group->hand_over([this](Request& request) { accept(request); });
  std::size_t first = 0;
  for (auto* group : parts_.decode) {
    const auto last = first + static_cast<std::size_t>(group->ranks());
    group->after_step([this, first, last] {
      for (auto rank = first; rank < last; ++rank) admit(rank);
    });
    first = last;
  }
}

std::vector<Handover::Rank> Handover::ranks_of(const std::vector<EngineGroup*>& groups) {
  std::vector<Rank> ranks;
  for (auto* group : groups)
    for (std::int64_t r = 0; r < group->ranks(); ++r) ranks.push_back({group, r, {}, 0});
  return ranks;
}

void Handover::accept(Request& request) {
  std::vector<RankLoad> loads;
  for (const auto& rank : decode_) {
    const auto& state = rank.group->rank(rank.local);
    loads.push_back({static_cast<std::int64_t>(state.waiting.size() + rank.incoming.size()),
                     static_cast<std::int64_t>(state.running.size()) + rank.in_transfer,
                     static_cast<double>(state.cache.find(request.prefix, request.input)) /
                         static_cast<double>(request.input)});
  }
  const auto to = static_cast<std::size_t>(parts_.router->choose(request.id, loads));
  decode_[to].incoming.push_back({&request, request.rank, parts_.simulation.now(), request.prefix});
  request.prefix.shared = 0;
  request.rank = static_cast<int>(prefill_.size() + to);
  if (!decode_[to].group->busy()) admit(to);
}

void Handover::admit(std::size_t to) {
  auto& rank = decode_[to];
  std::vector<Pending> taken;
  while (!rank.incoming.empty()) {
    const auto& state = rank.group->rank(rank.local);
    const auto seated = static_cast<std::int64_t>(state.running.size()) + rank.in_transfer;
    if (!state.waiting.empty() || seated >= parts_.seats) break;
    const auto pending = rank.incoming.front();
    if (!rank.group->reserve(rank.local, *pending.request)) break;
    rank.incoming.pop_front();
    ++rank.in_transfer;
    counts_.wait_s.push_back((parts_.simulation.now() - pending.since).value);
    taken.push_back(pending);
  }
  if (parts_.transfer.overlap.value_or(true)) {
    for (const auto& pending : taken)
      parts_.simulation.spawn("transfer " + std::to_string(pending.request->id),
                              [this, pending, to] { move(pending, to); });
  } else if (!taken.empty()) {
    rank.group->hold();
    parts_.simulation.spawn("transfers of rank " + std::to_string(to), [this, taken, to] {
      for (const auto& pending : taken) move(pending, to);
      decode_[to].group->let_go();
    });
  }
}

void Handover::move(const Pending& pending, std::size_t to) {
  auto& rank = decode_[to];
  auto& request = *pending.request;
  const auto target = static_cast<std::int64_t>(to);
  const Seconds start = parts_.simulation.now();
  const auto& cache = rank.group->rank(rank.local).cache;
  const Bytes each = cache.need(request.computed) - cache.need(cache.shared_tokens(request.prefix));
  const double bytes = each.value * static_cast<double>(parts_.paths.receivers());
  parts_.totals.payload_bytes += bytes;
  counts_.bytes += bytes;

  parts_.simulation.sleep_for(parts_.paths.latency(pending.from, target) + parts_.transfer.latency);
  carry(pending.from, target, each);

  const Seconds now = parts_.simulation.now();
  counts_.transfer_s.push_back((now - start).value);
  --rank.in_transfer;
  if (parts_.first_token == FirstToken::decode) {
    request.handed_over = true;
    if (rank.group->stream().together) request.delivered = 0;  // with the group's next responses
  }
  auto& sender = prefill_[static_cast<std::size_t>(pending.from)];
  sender.group->release(sender.local, request.computed, pending.prefix);
  rank.group->resume(rank.local, request);
}

void Handover::carry(std::int64_t from, std::int64_t to, Bytes each) {
  const auto& links = parts_.paths.links();
  LinkLoads loads(links.size());
  FlowList list;
  parts_.paths.load(from, to, each.value, loads, parts_.traffic != nullptr ? &list : nullptr);
  const Seconds at_least =
      parts_.transfer.bandwidth ? each / *parts_.transfer.bandwidth : Seconds(0);
  const Seconds alone = std::max(link_bound(loads, links), at_least);
  const double flow = parts_.paths.flow_bytes(each.value);
  std::vector<LinkBytes> shared;
  for (const int link : loads.touched()) {
    shared.push_back({link, loads.bytes(link), loads.bytes(link) / flow});
    if (parts_.traffic == nullptr)
      parts_.totals.link_bytes[static_cast<std::size_t>(link)] += loads.bytes(link);
  }
  if (parts_.traffic != nullptr && parts_.paths.one_network())
    parts_.traffic->move(list, at_least);
  else if (parts_.traffic != nullptr)
    parts_.traffic->move(parts_.paths.between_ports(from, to, each.value), at_least);
  else if (parts_.contend)
    parts_.simulation.transfer(shared, alone);
  else
    parts_.simulation.sleep_for(alone);
}

}  // namespace moesim
