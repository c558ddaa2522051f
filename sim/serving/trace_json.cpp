#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "sim/serving/trace_rows.hpp"

namespace moesim::trace {
namespace {

// The names of Mooncake's lines; here `timestamp` is in milliseconds.
constexpr std::array<std::string_view, 3> keys = {"timestamp", "input_length", "output_length"};

/// Keeps the three numbers of the outermost object as text, the numbers of `hash_ids`, and skips
/// the rest without storing it.
class LineReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::array<std::optional<std::string>, 3> values;
  std::vector<std::int64_t> blocks;
  bool blocks_are_ids = true;  ///< whole numbers, none negative
  std::optional<std::string> twice;
  std::size_t error_at = 0;
  std::string error;

  bool null() override { return keep("null"); }
  bool boolean(bool value) override { return keep(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override {
    return in_blocks() ? refuse_block() : keep(std::to_string(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (!in_blocks()) return keep(std::to_string(value));
    if (value > std::uint64_t{1} << 62) return refuse_block();
    blocks.push_back(static_cast<std::int64_t>(value));
    return true;
  }
  bool number_float(number_float_t, const string_t& text) override {
    return in_blocks() ? refuse_block() : keep(text);
  }
  bool string(string_t& value) override { return keep('"' + value + '"'); }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return open("{...}"); }
  bool start_array(std::size_t) override { return open("[...]"); }
  bool end_object() override { return --depth_, true; }
  bool end_array() override { return --depth_, true; }
  bool key(string_t& name) override {
    if (depth_ != 1) return true;
    of_blocks_ = name == "hash_ids";
    current_ = keys.size();
    for (std::size_t i = 0; i < keys.size(); ++i)
      if (name == keys[i]) current_ = i;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& what) override {
    error_at = position;
    error = what.what();
    return false;
  }

 private:
  bool open(const std::string& shown) {
    keep(shown);
    ++depth_;
    return true;
  }
  bool keep(const std::string& text) {
    if (depth_ != 1 || current_ == keys.size()) return true;
    if (values[current_]) twice = keys[current_];
    values[current_] = text;
    return true;
  }

  bool in_blocks() const { return of_blocks_ && depth_ == 2; }
  bool refuse_block() { return blocks_are_ids = false, true; }

  int depth_ = 0;
  bool of_blocks_ = false;
  std::size_t current_ = keys.size();
};

Row read_line(std::string_view line, const std::string& file, int number) {
  const auto at_key = [&](std::string_view key) {
    const auto found = line.find(fmt::format("\"{}\"", key));
    return Location{file, number,
                    found == std::string_view::npos ? 1 : static_cast<int>(found) + 1};
  };
  LineReader reader;
  if (!nlohmann::json::sax_parse(line.begin(), line.end(), &reader)) {
    const auto colon = reader.error.rfind(": ");  // "... parse error at line 1, column 7: reason"
    throw InputError(
        {file, number, static_cast<int>(reader.error_at)},
        "not a JSON object: " + reader.error.substr(colon == std::string::npos ? 0 : colon + 2));
  }
  if (reader.twice)
    throw InputError(at_key(*reader.twice), fmt::format("key '{}' appears twice", *reader.twice));
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (!reader.values[i])
      throw InputError({file, number, 1},
                       fmt::format("the line has no '{}' ({})", keys[i], role_names[i]));
  Row row;
  read_arrival(*reader.values[0], at_key(keys[0]), TimeForm::kMilliseconds, row);
  row.request.input = read_tokens(*reader.values[1], at_key(keys[1]), Role::kInput);
  row.request.output = read_tokens(*reader.values[2], at_key(keys[2]), Role::kOutput);
  if (!reader.blocks_are_ids)
    throw InputError(at_key("hash_ids"), "hash_ids: expected whole numbers, none negative");
  if (line.find("\"hash_ids\"") == std::string_view::npos) return row;
  row.request.blocks = std::move(reader.blocks);
  row.request.line = number;
  row.request.column = at_key("hash_ids").column;
  return row;
}

}  // namespace

std::vector<Row> parse_json_lines(std::string_view text, const std::string& file) {
  std::vector<Row> rows;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    rows.push_back(read_line(line, file, number));
  }
  return rows;
}

}  // namespace moesim::trace
