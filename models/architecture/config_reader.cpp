#include "models/architecture/config_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace moesim {
namespace {

using Json = nlohmann::json;

/// No figure of a model is larger, and the product of two still fits 64 bits.
constexpr std::uint64_t kMost = 2147483647;

Location place(const std::string& file, std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::ranges::count(before, '\n') + 1;
  const auto start = before.rfind('\n');
  const auto column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return {file, static_cast<int>(line), static_cast<int>(column)};
}

std::string shortened(const Json& value) {
  const auto text = value.dump();
  return text.size() <= 40 ? text : text.substr(0, 37) + "...";
}

bool says_something(const Json& value) {
  if (value.is_null()) return false;
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>() != 0;
  return !value.empty() && value != "";
}

}  // namespace

struct ConfigReader::Document {
  std::string text, file;
  std::size_t begin = 0;  ///< offset of the object in the text
  Json object;
};

ConfigReader::ConfigReader(const std::string& text, const std::string& file)
    : document_(std::make_unique<Document>()) {
  document_->text = text;
  document_->file = file;
  try {
    document_->object = Json::parse(text);
  } catch (const Json::parse_error& error) {
    const std::string what = error.what();
    const auto detail =
        what.rfind(": ");  // after "[json.exception...] parse error at line 3, column 5: "
    const auto reason = detail == std::string::npos ? what : what.substr(detail + 2);
    throw InputError(place(file, text, error.byte > 0 ? error.byte - 1 : 0),
                     "not valid JSON: " + reason);
  } catch (const Json::out_of_range&
               error) {  // a number beyond a double: "number overflow parsing '1e999'"
    const std::string what = error.what();
    const auto open = what.find('\'');
    const auto number =
        open == std::string::npos ? "" : what.substr(open + 1, what.size() - open - 2);
    throw InputError(place(file, text, std::min(text.find(number), text.size())),
                     "not valid JSON: the number is out of range");
  }
  if (!document_->object.is_object())
    throw InputError({file, 1, 1},
                     "expected a JSON object, as in the config.json of a Hugging Face model");
}

ConfigReader::~ConfigReader() = default;
ConfigReader::ConfigReader(ConfigReader&&) noexcept = default;

bool ConfigReader::has(const std::string& key) const {
  const auto found = document_->object.find(key);
  return found != document_->object.end() && !found->is_null();
}

std::int64_t ConfigReader::integer(const std::string& key, std::int64_t minimum) {
  placed_.insert(key);
  if (!has(key)) throw InputError(where(key), fmt::format("missing key '{}'", key));
  const auto& value = document_->object[key];
  if (!value.is_number_integer())
    throw error(key, fmt::format("expected a whole number, found {}", shortened(value)));
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > kMost)
    throw error(key, fmt::format("must be at most {}, found {}", kMost, shortened(value)));
  const auto number = value.get<std::int64_t>();
  if (number < minimum)
    throw error(key, fmt::format("must be at least {}, found {}", minimum, number));
  return number;
}

std::int64_t ConfigReader::integer_or(const std::string& key, std::int64_t fallback,
                                      std::int64_t minimum) {
  placed_.insert(key);
  return has(key) ? integer(key, minimum) : fallback;
}

bool ConfigReader::flag_or(const std::string& key, bool fallback) {
  placed_.insert(key);
  if (!has(key)) return fallback;
  const auto& value = document_->object[key];
  if (!value.is_boolean())
    throw error(key, fmt::format("expected true or false, found {}", shortened(value)));
  return value.get<bool>();
}

std::string ConfigReader::text_or(const std::string& key, const std::string& fallback) {
  placed_.insert(key);
  if (!has(key)) return fallback;
  const auto& value = document_->object[key];
  if (!value.is_string())
    throw error(key, fmt::format("expected text, found {}", shortened(value)));
  return value.get<std::string>();
}

std::vector<std::int64_t> ConfigReader::integers(const std::string& key) {
  placed_.insert(key);
  if (!has(key)) return {};
  const auto& value = document_->object[key];
  const auto whole = [](const Json& item) { return item.is_number_integer(); };
  if (!value.is_array() || !std::ranges::all_of(value, whole))
    throw error(key, fmt::format("expected a list of whole numbers, found {}", shortened(value)));
  return value.get<std::vector<std::int64_t>>();
}

std::vector<std::string> ConfigReader::texts(const std::string& key) {
  placed_.insert(key);
  if (!has(key)) return {};
  const auto& value = document_->object[key];
  const auto text = [](const Json& item) { return item.is_string(); };
  if (!value.is_array() || !std::ranges::all_of(value, text))
    throw error(key, fmt::format("expected a list of texts, found {}", shortened(value)));
  return value.get<std::vector<std::string>>();
}

ConfigReader ConfigReader::section(const std::string& key) {
  placed_.insert(key);
  if (!has(key)) throw InputError(where(key), fmt::format("missing key '{}'", key));
  const auto& value = document_->object[key];
  if (!value.is_object())
    throw error(key, fmt::format("expected an object, found {}", shortened(value)));
  ConfigReader inner;
  inner.document_ = std::make_unique<Document>();
  inner.document_->text = document_->text;
  inner.document_->file = document_->file;
  const auto found = document_->text.find('"' + key + '"', document_->begin);
  inner.document_->begin = found == std::string::npos ? document_->begin : found;
  inner.document_->object = value;
  return inner;
}

void ConfigReader::ignore(const std::vector<std::string>& keys) {
  placed_.insert(keys.begin(), keys.end());
}

std::vector<std::string> ConfigReader::unplaced() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : document_->object.items())
    if (!placed_.contains(key) && says_something(value)) keys.push_back(key);
  return keys;
}

Location ConfigReader::where(const std::string& key) const {
  const auto& text = document_->text;
  // The first "key": after the start of the object. An equal key of an object nested before it
  // would be found instead.
  for (auto at = text.find('"' + key + '"', document_->begin); at != std::string::npos;
       at = text.find('"' + key + '"', at + 1)) {
    const auto next = text.find_first_not_of(" \t\r\n", at + key.size() + 2);
    if (next != std::string::npos && text[next] == ':') return place(document_->file, text, at);
  }
  return place(document_->file, text, document_->begin);
}

InputError ConfigReader::error(const std::string& key, const std::string& what) const {
  return InputError(where(key), fmt::format("'{}': {}", key, what));
}

const std::string& ConfigReader::file() const { return document_->file; }

}  // namespace moesim
