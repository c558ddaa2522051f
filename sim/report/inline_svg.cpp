#include "sim/report/inline_svg.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "sim/report/text.hpp"

namespace moesim {
namespace {

using Replacements = std::vector<std::pair<std::string, std::string>>;

void replace_all(std::string& text, const Replacements& replacements) {
  for (const auto& [from, to] : replacements)
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
}

Replacements replacements_for(std::string_view name) {
  return {{" id='", fmt::format(" id='{}-", name)},
          {" id=\"", fmt::format(" id=\"{}-", name)},
          {"href='#", fmt::format("href='#{}-", name)},
          {"url(#", fmt::format("url(#{}-", name)},
          {"rgb(51,51,51)", "var(--plot-ink)"},
          {"rgb( 51,  51,  51)", "var(--plot-ink)"},
          {"rgb(153, 153, 153)", "var(--plot-axis)"},
          {"rgb(224, 224, 224)", "var(--plot-grid)"},
          {"fill=\"#ffffff\"", "fill=\"var(--plot-page)\""}};
}

}  // namespace

std::string inline_svg(const std::string& svg, std::string_view name, std::string_view caption) {
  const auto start = svg.find("<svg");
  if (start == std::string::npos) return "";
  const auto replacements = replacements_for(name);
  std::string out;
  for (std::size_t at = start; at < svg.size();) {
    const auto open = svg.find('<', at);
    const auto close = open == std::string::npos ? open : svg.find('>', open);
    if (close == std::string::npos) break;
    out.append(svg, at, open - at);
    auto tag = svg.substr(open, close - open + 1);
    at = close + 1;
    if (tag.starts_with("<title") || tag.starts_with("<desc")) {
      // "Gnuplot", "load_plot_1a": tool tips that say nothing
      const auto end = svg.find(tag.starts_with("<title") ? "</title>" : "</desc>", at);
      if (end == std::string::npos) break;
      at = svg.find('>', end) + 1;
      continue;
    }
    replace_all(tag, replacements);
    if (tag.starts_with("<svg"))
      tag.insert(4, fmt::format(" role=\"img\" aria-label=\"{}\"", html_escape(caption)));
    out += tag;
  }
  return out;
}

}  // namespace moesim
