// Reads one Hugging Face config.json key by key and remembers which keys were placed, so that an
// importer can refuse what it did not understand instead of dropping it. Errors carry
// file:line:column of the key. Syntax is strict JSON.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/core/error.hpp"

namespace moesim {

class ConfigReader {
 public:
  /// Throws InputError at file:line:column for broken JSON or a document that is not an object.
  ConfigReader(const std::string& text, const std::string& file);
  ~ConfigReader();
  ConfigReader(ConfigReader&&) noexcept;

  /// Present and not null.
  bool has(const std::string& key) const;
  /// A whole number of at least `minimum`; InputError naming the key when it is missing, mistyped
  /// or too small.
  std::int64_t integer(const std::string& key, std::int64_t minimum = 1);
  std::int64_t integer_or(const std::string& key, std::int64_t fallback, std::int64_t minimum = 0);
  bool flag_or(const std::string& key, bool fallback);
  std::string text_or(const std::string& key, const std::string& fallback);
  /// Empty when the key is absent or null.
  std::vector<std::int64_t> integers(const std::string& key);
  std::vector<std::string> texts(const std::string& key);
  /// The object under `key`, which counts as placed; the section keeps its own list of placed keys.
  ConfigReader section(const std::string& key);

  /// Counts keys as placed that change nothing a simulator can see.
  void ignore(const std::vector<std::string>& keys);
  /// Keys not placed whose value says something (not null, false, 0, empty), in the order of the
  /// alphabet.
  std::vector<std::string> unplaced() const;

  /// The place of a key, or of the object when it is absent.
  Location where(const std::string& key) const;
  InputError error(const std::string& key, const std::string& what) const;
  const std::string& file() const;

 private:
  struct Document;
  ConfigReader() = default;

  std::unique_ptr<Document> document_;
  std::set<std::string> placed_;
};

}  // namespace moesim
