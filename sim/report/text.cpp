#include "sim/report/text.hpp"

#include <cstdint>

namespace moesim {
namespace {

/// Length of the valid UTF-8 sequence at `i`, 0 if there is none (RFC 3629, section 4: no overlong
/// forms, no surrogates, nothing above U+10FFFF). `code` receives the code point.
std::size_t sequence_at(std::string_view text, std::size_t i, std::uint32_t& code) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[i + k]); };
  const unsigned char first = byte(0);
  const std::size_t length = first < 0x80             ? 1
                             : (first & 0xe0) == 0xc0 ? 2
                             : (first & 0xf0) == 0xe0 ? 3
                             : (first & 0xf8) == 0xf0 ? 4
                                                      : 0;
  if (length == 0 || i + length > text.size()) return 0;
  constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  code = length == 1 ? first : first & (0xffU >> (length + 1));
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(k) & 0xc0) != 0x80) return 0;
    code = (code << 6) | (byte(k) & 0x3fU);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < smallest[length] || surrogate || code > 0x10ffff ? 0 : length;
}

std::string clean(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    std::uint32_t code = 0;
    const auto length = sequence_at(text, i, code);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      ++i;
      continue;
    }
    // C0 and C1 controls, and the two Unicode line separators.
    const bool line = code == '\n' || code == '\t';
    const bool control =
        code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
    if (control && !(keep_lines && line))
      out += ' ';
    else
      out += text.substr(i, length);
    i += length;
  }
  return out;
}

bool starts_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

}  // namespace

std::string one_line(std::string_view text) { return clean(text, false); }

std::string clean_text(std::string_view text) { return clean(text, true); }

std::string html_escape(std::string_view text) {
  std::string out;
  for (const char c : clean_text(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::size_t text_width(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += starts_code_point(c) ? 1 : 0;
  return width;
}

std::string shorten(std::string_view text, std::size_t width) {
  if (text_width(text) <= width) return std::string(text);
  const std::string_view dots = std::string_view("...").substr(0, width);
  std::size_t kept = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    if (starts_code_point(text[end]) && ++kept > width - dots.size()) break;
    ++end;
  }
  return std::string(text.substr(0, end)) + std::string(dots);
}

}  // namespace moesim
