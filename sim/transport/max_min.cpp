#include "sim/transport/max_min.hpp"

#include <algorithm>
#include <queue>

namespace moesim {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Links in use, numbered from 0, with the pieces on each.
class Filling {
 public:
  Filling(const std::vector<Link>& links, std::span<const FluidPiece> pieces)
      : pieces_(pieces), rate_(pieces.size(), 0) {
    std::vector<int> number(links.size(), -1);
    first_.push_back(0);
    for (const auto& piece : pieces) {
      for (std::size_t i = 0; i < piece.links.size(); ++i) {
        const int link = piece.links[i];
        auto& n = number[static_cast<std::size_t>(link)];
        if (n < 0) {
          n = static_cast<int>(capacity_.size());
          capacity_.push_back(links[static_cast<std::size_t>(link)].capacity.value);
          on_.emplace_back();
        }
        used_.push_back(n);
        part_.push_back(piece.shares.empty() ? 1 : piece.shares[i]);
      }
      first_.push_back(static_cast<int>(used_.size()));
    }
    for (std::size_t p = 0; p < pieces.size(); ++p)
      for (int i = first_[p]; i < first_[p + 1]; ++i)
        on_[static_cast<std::size_t>(used_[static_cast<std::size_t>(i)])].push_back(
            static_cast<int>(p));
    active_.assign(capacity_.size(), 0);
    wanted_.assign(capacity_.size(), 0);
    left_ = capacity_;
  }

  /// Rates of the pieces that are active.
  const std::vector<double>& rates(const std::vector<char>& active) {
    left_ = capacity_;
    std::ranges::fill(active_, 0);
    std::ranges::fill(wanted_, 0);
    std::ranges::fill(rate_, -1);
    for (std::size_t p = 0; p < pieces_.size(); ++p)
      if (active[p])
        for (auto i = static_cast<std::size_t>(first_[p]);
             i < static_cast<std::size_t>(first_[p + 1]); ++i) {
          ++active_[static_cast<std::size_t>(used_[i])];
          wanted_[static_cast<std::size_t>(used_[i])] += part_[i];
        }
    using Entry = std::pair<double, int>;  // share, link
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> next;
    const auto share = [&](int l) {
      const auto at = static_cast<std::size_t>(l);
      return std::max(0.0, left_[at]) / wanted_[at];
    };
    for (int l = 0; l < static_cast<int>(active_.size()); ++l)
      if (active_[static_cast<std::size_t>(l)] > 0) next.emplace(share(l), l);
    while (!next.empty()) {
      const auto [value, link] = next.top();
      next.pop();
      if (active_[static_cast<std::size_t>(link)] == 0) continue;
      // Shares only grow while others are fixed: an old entry goes back with its new share.
      if (const double now = share(link); now > value) {
        next.emplace(now, link);
        continue;
      }
      fix(link, value, active);
    }
    return rate_;
  }

 private:
  void fix(int link, double value, const std::vector<char>& active) {
    for (const int p : on_[static_cast<std::size_t>(link)]) {
      const auto piece = static_cast<std::size_t>(p);
      if (!active[piece] || rate_[piece] >= 0) continue;
      rate_[piece] = value;
      for (auto i = static_cast<std::size_t>(first_[piece]);
           i < static_cast<std::size_t>(first_[piece + 1]); ++i) {
        const auto other = static_cast<std::size_t>(used_[i]);
        left_[other] -= value * part_[i];
        wanted_[other] -= part_[i];
        --active_[other];
      }
    }
  }

  std::span<const FluidPiece> pieces_;
  std::vector<double> rate_;       ///< [pieces]; below 0: not fixed yet
  std::vector<int> first_, used_;  ///< links of every piece
  std::vector<double> part_;       ///< share of the piece's rate on each of them
  std::vector<double> capacity_, left_;
  std::vector<int> active_;           ///< [links] pieces without a rate
  std::vector<double> wanted_;        ///< [links] their shares
  std::vector<std::vector<int>> on_;  ///< [links] pieces
};

}  // namespace

std::vector<double> max_min_rates(const std::vector<Link>& links,
                                  std::span<const FluidPiece> pieces) {
  return Filling(links, pieces).rates(std::vector<char>(pieces.size(), 1));
}

FluidTimes max_min_times(const std::vector<Link>& links, std::span<const FluidPiece> pieces,
                         const FluidOptions& options) {
  FluidTimes times;
  times.finish_s.assign(pieces.size(), kInfinity);
  times.rest_bytes.assign(pieces.size(), 0);
  std::vector<char> active(pieces.size(), 1);
  std::size_t left = pieces.size();
  for (std::size_t p = 0; p < pieces.size(); ++p) times.rest_bytes[p] = pieces[p].bytes;
  Filling filling(links, pieces);
  for (double now = 0; left > 0;) {
    const auto& rate = filling.rates(active);
    ++times.waves;
    double step = kInfinity;
    for (std::size_t p = 0; p < pieces.size(); ++p)
      if (active[p] && rate[p] > 0) step = std::min(step, times.rest_bytes[p] / rate[p]);
    const bool stop = now + step > options.until_s || step == kInfinity;
    if (stop && options.until_s == kInfinity) break;
    if (stop) step = options.until_s - now;
    // Rounding must not leave a crumb behind; beyond that, what ends soon ends now.
    const double soon = step * (1 + 1e-12) + (stop ? 0 : options.merge * (now + step));
    for (std::size_t p = 0; p < pieces.size(); ++p) {
      if (!active[p]) continue;
      const double needs = rate[p] > 0 ? times.rest_bytes[p] / rate[p] : kInfinity;
      if (needs <= soon) {
        times.finish_s[p] = now + needs;
        times.rest_bytes[p] = 0;
        active[p] = 0;
        --left;
      } else {
        times.rest_bytes[p] -= std::max(0.0, rate[p]) * step;
      }
    }
    now += step;
    if (stop) break;
  }
  return times;
}

}  // namespace moesim
