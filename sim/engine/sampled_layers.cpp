#include "sim/engine/sampled_layers.hpp"

#include <list>
#include <mutex>
#include <utility>

namespace moesim {
namespace {

constexpr std::size_t kKept = 8;

struct Kept {
  std::string key;
  std::shared_ptr<const SampledLayers> layers;
};

}  // namespace

std::shared_ptr<const SampledLayers> sampled_layers(const std::string& key,
                                                    const std::function<SampledLayers()>& sample) {
  if (key.empty()) return std::make_shared<const SampledLayers>(sample());
  static std::mutex mutex;
  static std::list<Kept> kept;  // the last used first
  const std::scoped_lock lock(mutex);
  for (auto it = kept.begin(); it != kept.end(); ++it)
    if (it->key == key) {
      kept.splice(kept.begin(), kept, it);
      return it->layers;
    }
  kept.push_front({key, std::make_shared<const SampledLayers>(sample())});
  if (kept.size() > kKept) kept.pop_back();
  return kept.front().layers;
}

}  // namespace moesim
