#include "sim/cache/copy_queue.hpp"

#include <algorithm>

#include "sim/core/error.hpp"

namespace moesim {

const std::vector<std::string>& names_of(CopyOrder) {
  static const std::vector<std::string> names = {"fifo", "priority"};
  return names;
}

CopyQueue::Ticket CopyQueue::issue(Seconds now, Bytes bytes, BytesPerSecond bandwidth,
                                   Seconds latency, bool demand, std::size_t links, Cargo cargo) {
  advance(now);
  free_at_ = std::max(free_at_, now);  // an idle engine begins at once
  const auto ticket = first_ + static_cast<Ticket>(copies_.size());
  copies_.push_back({bytes, bandwidth, latency, Seconds(-1), demand, false, false, links, cargo});
  (order_ == CopyOrder::fifo || demand ? demand_ : prefetch_).push_back(ticket);
  return ticket;
}

std::deque<CopyQueue::Ticket>& CopyQueue::next_queue() {
  return demand_.empty() ? prefetch_ : demand_;
}

// The next copy, or its next chunk, begins at free_at_.
void CopyQueue::begin_part() {
  const auto ticket = next_queue().front();
  auto& copy = at(ticket);
  copy.begun = true;
  const Bytes part = chunk_ > Bytes(0) ? std::min(chunk_, copy.left) : copy.left;
  copy.left -= part;
  if (copy.cargo == Cargo::expert) moved_ += part;
  const auto flows_at = free_at_ + copy.latency;
  running_ = {ticket,     part,     copy.bandwidth, BytesPerSecond(0),
              copy.links, flows_at, flows_at,       Seconds(flows_at),
              false};
}

void CopyQueue::end_part(Seconds now) {
  const auto ticket = running_->ticket;
  running_.reset();
  free_at_ = now;
  auto& copy = at(ticket);
  if (copy.left > Bytes(0)) return;
  copy.finish = now;
  if (auto& queue = next_queue(); !queue.empty() && queue.front() == ticket)
    return queue.pop_front();
  std::erase(demand_, ticket);  // others came before it, or it was promoted meanwhile
  std::erase(prefetch_, ticket);
}

void CopyQueue::begin_one() {
  begin_part();
  end_part(free_at_ + (at(running_->ticket).latency + running_->left / running_->bandwidth));
}

void CopyQueue::Running::flow(Seconds now, BytesPerSecond new_rate) {
  if (new_rate == rate) return;
  left = std::max(Bytes(0), left - rate * (now - since));
  since = now;
  rate = new_rate;
  end = now + left / rate;
}

// Whatever begins before `now` has begun.
void CopyQueue::advance(Seconds now) {
  if (links_ != nullptr) links_->advance(now);
  while (links_ == nullptr && !idle() && free_at_ < now) begin_one();
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
  while (at(ticket).finish < Seconds(0)) {
    if (links_ == nullptr)
      begin_one();
    else if (!links_->step())
      throw SimulationError("a copy that nobody makes is waited for");
  }
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
