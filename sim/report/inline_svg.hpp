// gnuplot's SVG made fit to stand inside an HTML page: without the XML head, its ids made unique,
// and its four neutral colours (figure.cpp) bound to the page's variables, so that pictures follow
// dark mode. Shown text is not touched.
#pragma once

#include <string>
#include <string_view>

namespace moesim {

/// `name` keeps the ids of several pictures apart; `caption` becomes the accessible name.
std::string inline_svg(const std::string& svg, std::string_view name, std::string_view caption);

}  // namespace moesim
