// What Serving does with a second pool: one numbering of links, who shares them, and the handover.
#include "sim/serving/serving_pools.hpp"

#include <algorithm>

#include "sim/serving/disaggregation.hpp"

namespace moesim {

bool Serving::same_links() const { return one_cluster(*given_.disaggregation); }

KvPaths Serving::kv_paths() const {
  const int first = same_links() ? 0 : static_cast<int>(network_.links().size());
  return {{network_, layout_, 0}, {decode_->network_, decode_->layout_, first}};
}

std::vector<Link> Serving::links() const { return decode_ ? kv_paths().links() : network_.links(); }

// A link is shared when two groups load it, or a group and the transfers between the pools. Those
// inside a node contend with each other only: an island is so much faster than a cache is large
// that the collectives beside it would hardly notice.
void Serving::join_pools(std::vector<LockstepExecutor>& executors, std::vector<char>& shared,
                         std::vector<SharedLink>& links, Decoding& decoding) const {
  const auto paths = kv_paths();
  decoding.executors = decode_->make_executors();
  const auto first = same_links() ? std::size_t{0} : network_.links().size();
  std::vector<int> users(paths.links().size(), 0);
  if (scenario_.network.fidelity == Fidelity::aggregate) {
    const auto count = [&](std::vector<LockstepExecutor>& of, std::size_t from) {
      for (auto& executor : of)
        for (const auto& stage : executor.links_by_stage())
          for (const int link : stage) ++users[from + static_cast<std::size_t>(link)];
    };
    count(executors, 0);
    count(decoding.executors, first);
    for (const int link : paths.fabric_links()) ++users[static_cast<std::size_t>(link)];
  }
  for (std::size_t l = 0; l < shared.size(); ++l) shared[l] = users[l] > 1 ? 1 : 0;
  for (std::size_t l = 0; l < decode_->network_.links().size(); ++l)
    decoding.shared.push_back(users[first + l] > 1 ? 1 : 0);
  links = simulated_links(paths.links());
}

std::unique_ptr<Handover> Serving::hand_over(Simulation& simulation,
                                             std::deque<EngineGroup>& groups,
                                             FlowTraffic* traffic) {
  const auto& config = *given_.disaggregation;
  const auto& engine = decode_->scenario_.engine;
  const auto paths = kv_paths();
  totals_.link_bytes.resize(paths.links().size(), 0);
  Handover::Parts parts{.simulation = simulation,
                        .paths = paths,
                        .prefill = {},
                        .decode = {},
                        .router = engine.request_router.make({decode_->scenario_.parallel.data}),
                        .seats = engine.max_sequences,
                        .transfer = config.transfer,
                        .first_token = config.first_token,
                        .contend = scenario_.network.fidelity == Fidelity::aggregate,
                        .traffic = traffic,
                        .totals = totals_};
  const auto takers = static_cast<std::size_t>(layout_.groups());
  for (std::size_t g = 0; g < groups.size(); ++g)
    (g < takers ? parts.prefill : parts.decode).push_back(&groups[g]);
  if (!same_links())
    for (auto* group : parts.decode)
      group->number_links_from(static_cast<int>(network_.links().size()));
  return std::make_unique<Handover>(std::move(parts));
}

void Serving::add_totals_of_decode() {
  const auto& more = decode_->totals_;
  const auto first = same_links() ? std::size_t{0} : network_.links().size();
  for (std::size_t l = 0; l < more.link_bytes.size(); ++l)
    totals_.link_bytes[first + l] += more.link_bytes[l];
  totals_.payload_bytes += more.payload_bytes;
  for (std::size_t layer = 0; layer < totals_.expert_tokens.size(); ++layer)
    for (std::size_t e = 0; e < totals_.expert_tokens[layer].size(); ++e)
      totals_.expert_tokens[layer][e] += more.expert_tokens[layer][e];
}

}  // namespace moesim
