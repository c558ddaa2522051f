#include "sim/report/study_html.hpp"

#include <fmt/format.h>

#include "sim/core/version.hpp"
#include "sim/report/html_style.hpp"
#include "sim/report/human.hpp"
#include "sim/report/inline_svg.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

std::string table_of(const StudyResult& study) {
  const auto cells = study_cells(study);
  std::string out = "<div class=\"scroll\"><table>\n<tr>";
  for (const auto& column : cells.columns)
    out += fmt::format("<th>{}</th>", html_escape(column.name));
  out += "</tr>\n";
  for (const auto& row : cells.rows) {
    out += "<tr>";
    for (const auto& cell : row) out += fmt::format("<td>{}</td>", html_escape(cell));
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string events_of(const StudyResult& study) {
  std::string items;
  for (const auto& outcome : study.outcomes)
    for (const auto& event : outcome.events)
      items += fmt::format("<li>{}: {}</li>\n", html_escape(outcome.transport), html_escape(event));
  return items.empty() ? "" : "<ul>\n" + items + "</ul>\n";
}

/// Pictures of several studies have the same names; `number` keeps their ids apart.
std::string figures_of(std::span<const Picture> pictures, std::size_t number) {
  std::string out;
  for (const auto& picture : pictures)
    out += fmt::format(
        "<figure>\n{}\n<figcaption>{}</figcaption>\n</figure>\n",
        inline_svg(picture.svg, fmt::format("{}-{}", picture.name, number), picture.caption),
        html_escape(picture.caption));
  return out;
}

std::string section(const StudyResult& study, std::span<const Picture> pictures, std::size_t number,
                    bool alone) {
  std::string out;
  if (!alone) out += fmt::format("<h2>{}</h2>\n", html_escape(one_line(study.title)));
  out +=
      fmt::format("<p class=\"meta\">{} GPUs, {} switches, {} links, oversubscription {}:1</p>\n",
                  human_count(study.gpus), human_count(study.switches),
                  human_count(static_cast<std::int64_t>(study.link_names.size())),
                  human_number(study.oversubscription));
  out += table_of(study) + events_of(study) + figures_of(pictures, number);
  return out +
         fmt::format("<details><summary>Resolved scenario</summary>\n<pre>{}</pre></details>\n",
                     html_escape(to_yaml(study.scenario)));
}

}  // namespace

std::string study_html(const StudyHtml& report) {
  const auto& first = report.studies.front();
  const bool alone = report.studies.size() == 1;
  // Titles of variants are "title: variant".
  const auto title = alone ? first.title : first.title.substr(0, first.title.rfind(": "));
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<main>\n<h1>{0}</h1>\n",
      html_escape(one_line(title)), kHtmlStyle);
  if (!first.question.empty())
    out += fmt::format("<p class=\"question\">{}</p>\n", html_escape(first.question));
  for (std::size_t i = 0; i < report.studies.size(); ++i)
    out += section(report.studies[i],
                   i < report.pictures.size() ? report.pictures[i] : std::vector<Picture>{}, i + 1,
                   alone);
  out += fmt::format("<h2>How to run it again</h2>\n<p class=\"meta\">moesim {}</p>\n", version());
  if (!report.command.empty()) out += fmt::format("<pre>{}</pre>\n", html_escape(report.command));
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace moesim
