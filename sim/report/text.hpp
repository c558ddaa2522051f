// Text that came from a user (titles, questions, names) made safe for the place where it is shown.
// Every writer of report/ passes foreign text through one of these; none of them changes plain
// text.
#pragma once

#include <string>
#include <string_view>

namespace moesim {

/// One line of valid UTF-8: control characters (also escape sequences and line breaks) become
/// spaces, broken UTF-8 becomes U+FFFD.
std::string one_line(std::string_view text);

/// The same, but line breaks and tabs stay.
std::string clean_text(std::string_view text);

/// clean_text() for the inside of an HTML or SVG element or a quoted attribute.
std::string html_escape(std::string_view text);

/// Code points of valid UTF-8: the columns of a terminal for every script without wide characters.
std::size_t text_width(std::string_view text);

/// At most `width` code points; a longer text ends in "...".
std::string shorten(std::string_view text, std::size_t width);

}  // namespace moesim
