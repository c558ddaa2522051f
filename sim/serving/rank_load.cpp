#include "sim/serving/rank_load.hpp"

namespace moesim {

RankLoad load_of(const RankState& rank, const Request& request, bool prompts) {
  const auto cached = rank.cache.find(request.prefix, request.input);
  RankLoad load{std::ssize(rank.waiting), std::ssize(rank.running),
                static_cast<double>(cached) / static_cast<double>(request.input)};
  if (!prompts) return load;
  const auto add = [&](const Request& other, std::int64_t computed) {
    const auto left = static_cast<double>(other.length() - computed);
    if (left <= 1) return;  // it decodes
    load.prompt_tokens += left;
    load.prompt_pairs += left * (static_cast<double>(computed) + left / 2);
  };
  for (const auto* other : rank.running) add(*other, other->computed);
  for (const auto* other : rank.waiting)
    add(*other, rank.cache.find(other->prefix, other->length() - 1));
  return load;
}

}  // namespace moesim
