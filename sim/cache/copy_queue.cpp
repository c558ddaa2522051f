#include "sim/cache/copy_queue.hpp"

#include <algorithm>

namespace moesim {

const std::vector<std::string>& names_of(CopyOrder) {
  static const std::vector<std::string> names = {"fifo", "priority"};
  return names;
}

CopyQueue::Ticket CopyQueue::issue(Seconds now, Bytes bytes, BytesPerSecond bandwidth,
                                   Seconds latency, bool demand) {
  advance(now);
  free_at_ = std::max(free_at_, now);  // an idle engine begins at once
  const auto ticket = first_ + static_cast<Ticket>(copies_.size());
  copies_.push_back({bytes, bandwidth, latency, Seconds(-1), demand, false, false});
  (order_ == CopyOrder::fifo || demand ? demand_ : prefetch_).push_back(ticket);
  return ticket;
}

std::deque<CopyQueue::Ticket>& CopyQueue::next_queue() {
  return demand_.empty() ? prefetch_ : demand_;
}

// The next copy, or its next chunk, begins at free_at_.
void CopyQueue::begin_one() {
  auto& queue = next_queue();
  auto& copy = at(queue.front());
  copy.begun = true;
  const Bytes part = chunk_ > Bytes(0) ? std::min(chunk_, copy.left) : copy.left;
  free_at_ += copy.latency + part / copy.bandwidth;
  copy.left -= part;
  moved_ += part;
  if (copy.left > Bytes(0)) return;
  copy.finish = free_at_;
  queue.pop_front();
}

// Whatever begins before `now` has begun.
void CopyQueue::advance(Seconds now) {
  while (!next_queue().empty() && free_at_ < now) begin_one();
  forget();
}

void CopyQueue::promote(Seconds now, Ticket ticket) {
  advance(now);
  if (ticket < first_ || order_ == CopyOrder::fifo) return;
  const auto found = std::ranges::find(prefetch_, ticket);
  if (found == prefetch_.end()) return;
  prefetch_.erase(found);
  at(ticket).demand = true;
  demand_.push_back(ticket);
}

bool CopyQueue::drop(Seconds now, Ticket ticket) {
  advance(now);
  if (ticket < first_ || at(ticket).begun || at(ticket).dropped) return false;
  std::erase(demand_, ticket);
  std::erase(prefetch_, ticket);
  at(ticket).dropped = true;
  return true;
}

Seconds CopyQueue::finish(Ticket ticket) {
  if (ticket < first_) return Seconds(0);
  while (at(ticket).finish < Seconds(0)) begin_one();
  return at(ticket).finish;
}

// Copies that ended long ago need no record: their finish lies before every later question.
void CopyQueue::forget() {
  while (copies_.size() > 4096 &&
         (copies_.front().dropped ||
          (copies_.front().finish >= Seconds(0) && copies_.front().finish < free_at_))) {
    copies_.pop_front();
    ++first_;
  }
}

}  // namespace moesim
