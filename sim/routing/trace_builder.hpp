// Collects the cells of a recorded trace in whatever order a format has them, and checks what every
// format must hold: ids that exist, as many as the router picks, no layer of a token missing or
// given twice. Internal to the readers of recorded_trace.hpp.
#pragma once

#include <map>
#include <string_view>
#include <utility>

#include "sim/core/error.hpp"
#include "sim/routing/recorded_trace.hpp"

namespace moesim {

class TraceBuilder {
 public:
  TraceBuilder(std::string file, const TraceShape& shape);

  /// The row of a token, found or made.
  std::size_t token(std::int64_t sequence, std::int64_t position, const Location& where);
  /// A new token of a sequence.
  std::size_t append(std::int64_t sequence, const Location& where);
  /// Its experts in the layer that the format calls `layer`, as text: ids between spaces, commas,
  /// semicolons and brackets.
  void add(std::size_t token, std::int64_t layer, std::string_view ids, Location where);
  void add(std::size_t token, std::int64_t layer, std::span<const std::int64_t> ids,
           const Location& where, const std::string& place = "");
  /// Throws for a token without choices in a layer that others have, and for a shape that the
  /// trace has not. `layers_where`: what is wrong when the number of layers is.
  RecordedTrace finish(const Location& layers_where);

 private:
  void begin_cell(std::size_t token, std::int64_t layer, const Location& where,
                  const std::string& place);
  void id(std::int64_t value, const Location& where, const std::string& place);
  void end_cell(const Location& where, const std::string& place);

  struct Layer {
    std::vector<std::uint16_t> ids;  ///< [tokens x top_k]
    std::vector<char> filled;        ///< [tokens]
  };
  TraceShape shape_;
  RecordedTrace trace_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::size_t> rows_;
  std::map<std::int64_t, std::int32_t> sequences_;
  std::vector<Location> first_seen_;  ///< [tokens]
  std::map<std::int64_t, Layer> layers_;
  std::vector<std::uint16_t> cell_;
  std::int64_t largest_ = -1;
};

/// The JSON forms.
void read_json_steps(const std::string& text, const std::string& file, TraceBuilder& builder);
void read_json_rows(const std::string& text, const std::string& file, TraceBuilder& builder);

}  // namespace moesim
