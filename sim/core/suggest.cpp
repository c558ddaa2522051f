#include "sim/core/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace moesim {

int edit_distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  const auto columns = b.size() + 1;
  std::vector<int> table((a.size() + 1) * columns);
  const auto at = [&](std::size_t i, std::size_t j) -> int& { return table[i * columns + j]; };
  for (std::size_t i = 0; i <= a.size(); ++i) at(i, 0) = static_cast<int>(i);
  for (std::size_t j = 0; j <= b.size(); ++j) at(0, j) = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int substitute = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
      at(i, j) = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + substitute});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1]))
        at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
    }
  return at(a.size(), b.size());
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& valid) {
  if (valid.empty()) return "";
  const auto shortened =
      word.substr(0, 64);  // a long line is no near miss, and the table is quadratic
  const auto nearest = std::ranges::min_element(
      valid, {}, [&](const std::string& name) { return edit_distance(shortened, name); });
  const int length = static_cast<int>(nearest->size());
  const int limit =
      length <= 3 ? 1 : std::max(2, length / 3);  // two changes make another word of three letters
  const bool near = edit_distance(shortened, *nearest) <= limit;
  return fmt::format("{} (valid: {})", near ? fmt::format("; did you mean '{}'?", *nearest) : "",
                     fmt::join(valid, ", "));
}

}  // namespace moesim
