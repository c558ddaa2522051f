#include "sim/routing/trace_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace moesim {
namespace {

constexpr std::int64_t kMostExperts = 65535;  // 16-bit ids, one value kept for "none"

std::string with_place(const std::string& place, const std::string& what) {
  return place.empty() ? what : place + ": " + what;
}

bool separates(char c) {
  return c == ' ' || c == ',' || c == ';' || c == '[' || c == ']' || c == '\t';
}

}  // namespace

TraceBuilder::TraceBuilder(std::string file, const TraceShape& shape) : shape_(shape) {
  trace_.file = std::move(file);
}

std::size_t TraceBuilder::append(std::int64_t sequence, const Location& where) {
  const auto number =
      sequences_.try_emplace(sequence, static_cast<std::int32_t>(sequences_.size())).first->second;
  trace_.sequence.push_back(number);
  first_seen_.push_back(where);
  return trace_.sequence.size() - 1;
}

std::size_t TraceBuilder::token(std::int64_t sequence, std::int64_t position,
                                const Location& where) {
  const auto [found, made] = rows_.try_emplace({sequence, position}, trace_.sequence.size());
  if (made) append(sequence, where);
  return found->second;
}

void TraceBuilder::begin_cell(std::size_t token, std::int64_t layer, const Location& where,
                              const std::string& place) {
  auto& into = layers_[layer];
  if (into.filled.size() <= token) into.filled.resize(token + 1, 0);
  if (into.filled[token] != 0)
    throw InputError(
        where, with_place(place, fmt::format("a token has its choices of layer {} twice", layer)));
  cell_.clear();
}

void TraceBuilder::id(std::int64_t value, const Location& where, const std::string& place) {
  const auto most = shape_.experts > 0 ? shape_.experts : kMostExperts;
  if (shape_.experts == 0 && (value < 0 || value >= most))
    throw InputError(
        where, with_place(place, fmt::format("expert {}: ids go from 0 to {}", value, most - 1)));
  if (value < 0 || value >= most)
    throw InputError(where, with_place(place, fmt::format("expert {} does not exist: the model has "
                                                          "{}",
                                                          value, most)));
  const auto expert = static_cast<std::uint16_t>(value);
  if (std::ranges::find(cell_, expert) != cell_.end())
    throw InputError(
        where, with_place(place, fmt::format("expert {} is chosen twice by one token", value)));
  largest_ = std::max(largest_, value);
  cell_.push_back(expert);
}

void TraceBuilder::end_cell(const Location& where, const std::string& place) {
  const auto found = static_cast<std::int64_t>(cell_.size());
  if (shape_.top_k == 0) shape_.top_k = found;
  if (found == shape_.top_k && found > 0) return;
  throw InputError(
      where, with_place(place, fmt::format("{} experts in a cell, the model chooses {}{}", found,
                                           shape_.top_k,
                                           found < shape_.top_k ? " (a truncated line?)" : "")));
}

void TraceBuilder::add(std::size_t token, std::int64_t layer, std::string_view ids,
                       Location where) {
  begin_cell(token, layer, where, "");
  while (!ids.empty()) {
    if (separates(ids.front())) {
      ids.remove_prefix(1);
      ++where.column;
      continue;
    }
    std::int64_t value = -1;
    const auto [end, error] = std::from_chars(ids.data(), ids.data() + ids.size(), value);
    const auto read = static_cast<std::size_t>(end - ids.data());
    if (error != std::errc() || (read < ids.size() && !separates(ids[read])))
      throw InputError(where, fmt::format("'{}' is not an expert id", ids));
    id(value, where, "");
    where.column += static_cast<int>(read);
    ids.remove_prefix(read);
  }
  end_cell(where, "");
  auto& into = layers_[layer];
  into.filled[token] = 1;
  into.ids.resize(into.filled.size() * cell_.size());
  std::ranges::copy(cell_, into.ids.begin() + static_cast<std::ptrdiff_t>(token * cell_.size()));
}

void TraceBuilder::add(std::size_t token, std::int64_t layer, std::span<const std::int64_t> ids,
                       const Location& where, const std::string& place) {
  begin_cell(token, layer, where, place);
  for (const auto value : ids) id(value, where, place);
  end_cell(where, place);
  auto& into = layers_[layer];
  into.filled[token] = 1;
  into.ids.resize(into.filled.size() * cell_.size());
  std::ranges::copy(cell_, into.ids.begin() + static_cast<std::ptrdiff_t>(token * cell_.size()));
}

RecordedTrace TraceBuilder::finish(const Location& layers_where) {
  if (trace_.sequence.empty())
    throw InputError(Location{trace_.file, 2, 1}, "the trace has no tokens");
  for (const auto& [number, layer] : layers_)
    for (std::size_t t = 0; t < trace_.sequence.size(); ++t)
      if (t >= layer.filled.size() || layer.filled[t] == 0)
        throw InputError(first_seen_[t],
                         fmt::format("missing layer: token {} of sequence {} has no choices in "
                                     "layer {}, which other tokens have",
                                     t, trace_.sequence[t], number));
  const auto layers = static_cast<std::int64_t>(layers_.size());
  if (shape_.moe_layers > 0 && layers != shape_.moe_layers)
    throw InputError(layers_where, fmt::format("the trace has {} layers, the model has {} MoE "
                                               "layers",
                                               layers, shape_.moe_layers));
  trace_.top_k = shape_.top_k;
  trace_.experts = shape_.experts > 0 ? shape_.experts : largest_ + 1;
  for (auto& [number, layer] : layers_) trace_.by_layer.push_back(std::move(layer.ids));
  return std::move(trace_);
}

}  // namespace moesim
