#include "sim/cache/copy_links.hpp"

#include <algorithm>
#include <cassert>

#include "sim/cache/copy_queue.hpp"
#include "sim/transport/max_min.hpp"

namespace moesim {

CopyLinks::Event CopyLinks::next() const {
  Event first;
  for (auto* queue : queues_) {
    if (!queue->running_ && queue->idle()) continue;
    const Event event{queue, queue->running_ ? queue->running_->next() : queue->free_at_,
                      !queue->running_};
    const bool sooner = first.queue == nullptr || event.at < first.at ||
                        (event.at == first.at && first.begin && !event.begin);
    if (sooner) first = event;
  }
  return first;
}

void CopyLinks::advance(Seconds now) {
  for (auto event = next(); event.queue != nullptr; event = next()) {
    if (event.begin ? event.at >= now : event.at > now) return;
    perform(event);
  }
}

bool CopyLinks::step() {
  const auto event = next();
  if (event.queue == nullptr) return false;
  perform(event);
  return true;
}

void CopyLinks::perform(const Event& event) {
  auto& queue = *event.queue;
  if (event.begin) {
    queue.begin_part();
    if (queue.running_->flows_at > event.at) return;  // loads no link while it starts up
    queue.running_->flowing = true;
  } else if (!queue.running_->flowing) {
    queue.running_->flowing = true;
  } else {
    queue.end_part(event.at);
  }
  share(event.at);
}

/// New rates, and new ends where they differ.
void CopyLinks::share(Seconds now) {
  std::vector<Link> links;
  for (const auto& limit : limits_) links.push_back({"", limit.capacity, Seconds(0)});
  std::vector<CopyQueue*> flowing;
  std::vector<std::vector<int>> crossed;
  std::vector<std::vector<double>> gpus;
  for (std::size_t q = 0; q < queues_.size(); ++q) {
    auto* queue = queues_[q];
    if (!queue->running_ || !queue->running_->flowing) continue;
    flowing.push_back(queue);
    crossed.push_back({static_cast<int>(links.size())});
    gpus.push_back({1});
    links.push_back({"", queue->running_->bandwidth, Seconds(0)});
    for (std::size_t l = 0; l < limits_.size(); ++l)
      if (limits_[l].engines[q] > 0 && queue->running_->links > limits_[l].depth) {
        crossed.back().push_back(static_cast<int>(l));
        gpus.back().push_back(limits_[l].engines[q]);
      }
  }
  std::vector<FluidPiece> pieces;
  for (std::size_t f = 0; f < flowing.size(); ++f) pieces.push_back({crossed[f], 1, gpus[f]});
  const auto rates = max_min_rates(links, pieces);
  for (std::size_t f = 0; f < flowing.size(); ++f)
    flowing[f]->running_->flow(now, BytesPerSecond(rates[f]));
}

}  // namespace moesim
