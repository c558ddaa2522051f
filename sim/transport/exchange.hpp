// Slot: how an MoE layer moves tokens to the ranks of their experts and back.
// Life cycle: one per expert-parallel group; dispatch() and combine() are called for every MoE
// layer of every step. Contract: adds start-up time, link loads and payload of one collective to
// `into`; a group of one adds nothing; bytes into a rank follow from the tokens whose experts it
// holds; more tokens never take less time.
#pragma once

#include <span>
#include <string_view>

#include "sim/core/registry.hpp"
#include "sim/transport/collectives.hpp"

namespace moesim {

/// One layer's traffic, by rank of the group. Every source sends to the ranks in the same
/// proportion (its tokens choose from the same popularity), so the traffic matrix is the product of
/// what is sent and where it goes.
struct ExchangeLoad {
  std::span<const double> tokens;  ///< [ranks] tokens that each rank holds and sends
  std::span<const double>
      received;  ///< [ranks] (token, expert) pairs whose expert is there; sums to tokens x top_k
  std::span<const double>
      rank_probability;  ///< [ranks] probability that a token has an expert there
  std::span<const double> node_probability;  ///< [nodes of the group] the same for nodes
  double bytes_per_token = 0;                ///< of one copy of a token in this direction
};

class Exchange {
 public:
  static constexpr SlotInfo slot{"dispatch", "how tokens travel to their experts and back"};
  struct Context {
    const Network& network;
    const Group& group;
  };

  virtual ~Exchange() = default;
  virtual void dispatch(const ExchangeLoad& load, Transfer& into) const = 0;
  virtual void combine(const ExchangeLoad& load, Transfer& into) const = 0;
  /// Adds the loads of one byte for every flow from rank to rank that a direction consists of.
  virtual void flows(Transfer& into) const = 0;
  /// Whether every rank receives all tokens, not only those that have an expert there.
  virtual bool gathers() const { return false; }
  /// What tables of measured collectives call the two directions; empty: nobody measured it.
  virtual std::string_view measured_dispatch() const { return {}; }
  virtual std::string_view measured_combine() const { return {}; }
};

/// Index of every rank's node within the group [ranks].
std::vector<int> node_index(const Network& network, const Group& group);

/// Loads of a product traffic between all ranks of a group: rank i sends sent[i] * share[j] to
/// every other rank j. Reversed: the same bytes from j to i.
void product_traffic(const Network& network, const Group& group, std::span<const double> sent,
                     std::span<const double> share, bool reversed, Transfer& into);

}  // namespace moesim
