// What the contract tests share: the list of slots that have one, and how an implementation is
// built from its example. A slot that is missing here fails tests/contract/every_slot_test.cpp.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "sim/core/registry.hpp"

namespace moesim::contract {

/// Slot and the name of its test suite.
struct Contract {
  const char* slot;
  const char* suite;
};
inline constexpr Contract kContracts[] = {{"arrivals", "ArrivalsContract"},
                                          {"balancer", "BalancerContract"},
                                          {"collective", "CollectiveContract"},
                                          {"cost tier", "CostTierContract"},
                                          {"dispatch", "DispatchContract"},
                                          {"expert cache", "ExpertCacheContract"},
                                          {"miss policy", "MissPolicyContract"},
                                          {"prefetcher", "PrefetcherContract"},
                                          {"lengths", "LengthsContract"},
                                          {"placement", "PlacementContract"},
                                          {"request router", "RequestRouterContract"},
                                          {"router", "RouterContract"},
                                          {"routing source", "RoutingSourceContract"},
                                          {"scheduler", "SchedulerContract"},
                                          {"search", "SearchContract"},
                                          {"topology", "TopologyContract"},
                                          {"transport", "TransportContract"}};

template <class Slot>
std::vector<std::string> implementations() {
  std::vector<std::string> names;
  for (const auto& [name, _] : slot_catalogue()[std::string(Slot::slot.name)].implementations)
    names.push_back(name);
  return names;
}

/// `name` with its required parameters at their examples.
template <class Slot>
std::unique_ptr<Slot> make(const std::string& name, const typename Slot::Context& context) {
  const auto& info = slot_catalogue()[std::string(Slot::slot.name)].implementations.at(name);
  return Registry<Slot>::factories().at(name)(info.resolve(info.example()), context);
}

/// For INSTANTIATE_TEST_SUITE_P: the name without what GoogleTest does not take.
inline std::string test_name(std::string name) {
  std::erase_if(name, [](char c) { return c == '-' || c == '_'; });
  return name;
}

}  // namespace moesim::contract
