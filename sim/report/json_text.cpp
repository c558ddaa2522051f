#include "sim/report/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "sim/core/error.hpp"

namespace moesim {
namespace {

template <class T>
bool parse_whole(const std::string& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

/// An unquoted scalar means what YAML 1.2's core schema says: true, false, a number, or text.
Json scalar_json(const Node& node) {
  if (node.quoted) return node.text;
  if (node.text == "true") return true;
  if (node.text == "false") return false;
  std::int64_t integer = 0;
  if (parse_whole(node.text, integer)) return integer;
  std::uint64_t large = 0;
  if (parse_whole(node.text, large)) return large;
  double number = 0;
  if (parse_whole(node.text, number) && std::isfinite(number)) return number;
  return node.text;
}

class Writer {
 public:
  std::string take() { return std::move(out_); }

  void write(const Json& value, const std::string& key, int depth) {
    if (value.is_object()) return object(value, key, depth);
    if (value.is_array()) return array(value, key, depth);
    if (value.is_string()) {
      out_ += json_string(value.get_ref<const std::string&>());
    } else if (value.is_number_float()) {
      const double number = value.get<double>();
      if (!std::isfinite(number))
        throw SimulationError(fmt::format("result key '{}' is {}, not a number", key, number));
      out_ += fmt::format("{}", number);
    } else {
      out_ += value.dump();  // integers, true, false, null
    }
  }

 private:
  void line(int depth) { out_.append("\n").append(static_cast<std::size_t>(2 * depth), ' '); }

  void object(const Json& value, const std::string& key, int depth) {
    if (value.empty()) {
      out_ += "{}";
      return;
    }
    out_ += '{';
    bool first = true;
    for (const auto& [name, item] : value.items()) {
      if (!first) out_ += ',';
      first = false;
      line(depth + 1);
      out_ += json_string(name) + ": ";
      write(item, key.empty() ? name : key + "." + name, depth + 1);
    }
    line(depth);
    out_ += '}';
  }

  void array(const Json& value, const std::string& key, int depth) {
    const bool flat = std::none_of(value.begin(), value.end(),
                                   [](const Json& item) { return item.is_structured(); });
    out_ += '[';
    bool first = true;
    for (const auto& item : value) {
      if (!first) out_ += flat ? ", " : ",";
      first = false;
      if (!flat) line(depth + 1);
      write(item, key, depth + 1);
    }
    if (!flat) line(depth);
    out_ += ']';
  }

  std::string out_;
};

}  // namespace

std::string json_text(const Json& value) {
  Writer writer;
  writer.write(value, "", 0);
  return writer.take() + "\n";
}

std::string json_string(std::string_view text) {
  // A timeline has a million names, nearly all of them plain: no detour through a JSON value.
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
  });
  if (plain) return fmt::format("\"{}\"", text);
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json node_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return nullptr;
    case Node::Kind::kScalar:
      return scalar_json(node);
    case Node::Kind::kSequence: {
      Json list = Json::array();
      for (const auto& item : node.items) list.push_back(node_json(item));
      return list;
    }
    case Node::Kind::kMapping: {
      Json object = Json::object();
      for (std::size_t i = 0; i < node.keys.size(); ++i)
        object[node.keys[i]] = node_json(node.items[i]);
      return object;
    }
  }
  return nullptr;
}

}  // namespace moesim
