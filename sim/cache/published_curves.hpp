// Published hit-rate curves of models (arXiv 2505.16056 as a table: metric, model, series, then hit
// rates at rho = slots per layer / active experts), and a generator fitted to two statistics of
// each to predict the rest. With as many slots as active experts, LRU's hit rate is the reuse
// between neighbouring tokens, LFU's the weight of the most popular experts, and that of an oracle
// which chooses anew every 64 tokens what a stretch of text has a taste for; those three points
// give reuse, sigma and topic_sigma of source `sticky`, and everything else follows. Not modelled:
// differences between layers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/cache/accesses.hpp"

namespace moesim {

struct PublishedCurves {
  std::string model;
  /// [series: LRU, LFU, Belady, m4, m16, m64, m256] -> [rho 1, 2, 3]
  std::map<std::string, std::vector<double>> at_rho_123;
};

/// Models in the order of the file; a model listed twice (encoder and decoder) is left out.
std::vector<PublishedCurves> read_published_curves(const std::string& path);

/// Hit rates of LRU, LFU, Belady (and segment oracles m4 ... m256) at rho 1, 2, 3 on `accesses`, as
/// published: misses staged, caches cold at every sequence.
std::map<std::string, std::vector<double>> hit_rates_at_rho_123(const Accesses& accesses,
                                                                bool segments);

struct ReuseFit {
  double reuse = 0, sigma = 0, topic_sigma = 0;
};
/// Fits source `sticky` to the hit rates of LRU, LFU and the segment oracle m64 at rho 1.
/// Throws InputError when one of them was not published.
ReuseFit fit_reuse(const PublishedCurves& published, const CacheShape& shape);
/// Sequences of 512 tokens from that source, each with a popularity of its own.
Accesses generate_accesses(const ReuseFit& fit, const CacheShape& shape, std::int64_t sequences,
                           std::uint64_t seed);

}  // namespace moesim
