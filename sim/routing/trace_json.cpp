// The JSON forms of recorded choices: a list of steps, and one row per line.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sim/routing/trace_builder.hpp"

namespace moesim {
namespace {

using nlohmann::json;

Location location_of(std::string_view text, std::size_t offset, const std::string& file,
                     int first_line) {
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line_start = before.rfind('\n');
  const auto column =
      line_start == std::string_view::npos ? before.size() : before.size() - line_start - 1;
  return {file, first_line + static_cast<int>(std::ranges::count(before, '\n')),
          std::max(1, static_cast<int>(column))};
}

json parse(std::string_view text, const std::string& file, int first_line) {
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    throw InputError(location_of(text, error.byte, file, first_line),
                     "not JSON: the text ends or goes on where a value should stand (a truncated "
                     "line?)");
  }
}

std::vector<std::int64_t> ids_of(const json& list, const Location& where,
                                 const std::string& place) {
  const auto refuse = [&](const std::string& found) {
    throw InputError(where, fmt::format("{}expected a list of expert ids, found {}",
                                        place.empty() ? "" : place + ": ", found));
  };
  if (!list.is_array()) refuse(list.dump());
  std::vector<std::int64_t> ids;
  for (const auto& item : list) {
    if (!item.is_number_integer()) refuse(item.dump());
    ids.push_back(item.get<std::int64_t>());
  }
  return ids;
}

const json& member(const json& row, const char* name, const Location& where) {
  const auto found = row.find(name);
  if (found == row.end())
    throw InputError(where, fmt::format("missing key '{}': rows have layer, batch_id, origin_rows "
                                        "and topk_experts",
                                        name));
  return *found;
}

std::int64_t whole(const json& value, const char* name, const Location& where) {
  if (!value.is_number_integer())
    throw InputError(where, fmt::format("'{}' is not a whole number: {}", name, value.dump()));
  return value.get<std::int64_t>();
}

std::int64_t layer_number(const std::string& key, const Location& where, const std::string& place) {
  if (key.empty() || key.size() > 9 ||
      !std::ranges::all_of(key, [](char c) { return c >= '0' && c <= '9'; }))
    throw InputError(where, fmt::format("{}: '{}' is not a layer number", place, key));
  return std::stoll(key);
}

void read_row(const json& row, const Location& where, TraceBuilder& builder) {
  if (!row.is_object()) throw InputError(where, "expected an object, found " + row.dump());
  const auto layer = whole(member(row, "layer", where), "layer", where);
  const auto batch = whole(member(row, "batch_id", where), "batch_id", where);
  const auto& origins = member(row, "origin_rows", where);
  const auto& experts = member(row, "topk_experts", where);
  if (!origins.is_array() || !experts.is_array() || origins.size() != experts.size())
    throw InputError(where, fmt::format("origin_rows and topk_experts must be lists of the same "
                                        "length, found {} and {} items",
                                        origins.size(), experts.size()));
  for (std::size_t i = 0; i < origins.size(); ++i) {
    const auto token = builder.token(batch, whole(origins[i], "origin_rows", where), where);
    const auto place = fmt::format("token {} of layer {}", i, layer);
    builder.add(token, layer, ids_of(experts[i], where, place), where, place);
  }
}

}  // namespace

void read_json_steps(const std::string& text, const std::string& file, TraceBuilder& builder) {
  const auto steps = parse(text, file, 1);
  const Location where{file, 1, 1};
  std::int64_t before = 0;  // tokens of earlier steps
  for (std::size_t s = 0; s < steps.size(); ++s) {
    if (!steps[s].is_object())
      throw InputError(where, fmt::format("step {}: expected a map from layer to tokens", s));
    std::int64_t most = 0;
    for (const auto& [key, tokens] : steps[s].items()) {
      const auto step = fmt::format("step {}", s);
      const auto layer = layer_number(key, where, step);
      if (!tokens.is_array())
        throw InputError(where, fmt::format("{}, layer {}: expected a list of tokens", step, key));
      for (std::size_t t = 0; t < tokens.size(); ++t) {
        const auto place = fmt::format("{}, layer {}, token {}", step, key, t);
        const auto token = builder.token(0, before + static_cast<std::int64_t>(t), where);
        builder.add(token, layer, ids_of(tokens[t], where, place), where, place);
      }
      most = std::max(most, static_cast<std::int64_t>(tokens.size()));
    }
    before += most;
  }
}

void read_json_rows(const std::string& text, const std::string& file, TraceBuilder& builder) {
  const std::string_view all(text);
  int number = 0;
  for (std::size_t begin = 0; begin < all.size();) {
    const auto end = std::min(all.find('\n', begin), all.size());
    const auto line = all.substr(begin, end - begin);
    ++number;
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    read_row(parse(line, file, number), Location{file, number, 1}, builder);
  }
}

}  // namespace moesim
