#include "sim/cache/prefetcher.hpp"

#include <algorithm>

namespace moesim {

void Guess::append(const Prefetcher::View& view, std::int64_t layer, std::int64_t distance,
                   double accuracy, std::int64_t limit, std::vector<ExpertId>& ids) const {
  const auto first = static_cast<std::ptrdiff_t>(ids.size());
  const auto& truth = view.truth[static_cast<std::size_t>(layer)];
  const auto among = [](const auto& list, ExpertId id) {
    return std::ranges::find(list, id) != list.end();
  };
  for (const auto right : truth) {
    if (static_cast<std::int64_t>(ids.size()) - first >= limit) return;
    const auto draw =
        (static_cast<std::uint64_t>(view.step) * 64 + static_cast<std::uint64_t>(distance % 64)) *
            static_cast<std::uint64_t>(shape_.all()) +
        static_cast<std::uint64_t>(right);
    const auto u = stream_.uniforms(draw);
    ExpertId guess = right;
    if (u[0] >= accuracy && static_cast<std::int64_t>(truth.size()) < shape_.experts) {
      auto expert = static_cast<std::int64_t>(u[1] * static_cast<double>(shape_.experts));
      const auto id = [&] { return static_cast<ExpertId>(layer * shape_.experts + expert); };
      while (among(truth, id())) expert = (expert + 1) % shape_.experts;
      guess = id();
    }
    const auto said = std::span(ids).subspan(static_cast<std::size_t>(first));
    if (!among(said, guess)) ids.push_back(guess);
  }
}

}  // namespace moesim
