#include "sim/report/html_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/core/text_file.hpp"
#include "sim/core/version.hpp"
#include "sim/report/figure_kinds.hpp"
#include "sim/report/headline.hpp"
#include "sim/report/html_style.hpp"
#include "sim/report/human.hpp"
#include "sim/report/inline_svg.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

std::string header(const HtmlReport& report) {
  auto out = fmt::format("<h1>{}</h1>\n", html_escape(report.title));
  if (!report.question.empty())
    out += fmt::format("<p class=\"question\">{}</p>\n", html_escape(report.question));
  const auto& first = report.results[0];
  if (report.results.size() == 1)
    out += fmt::format(
        "<p class=\"meta\">{} of {} requests completed in {} of simulated time on {} GPU{} · seed "
        "{} · moesim {}</p>\n",
        human_count(first.completed), human_count(first.submitted), human_time(first.simulated_s),
        first.gpus, first.gpus == 1 ? "" : "s", first.seed, version());
  else
    out += fmt::format("<p class=\"meta\">{} runs · moesim {}</p>\n", report.results.size(),
                       version());
  return out;
}

std::string tiles(const Result& result) {
  std::string out = "<div class=\"tiles\">\n";
  for (const auto& headline : headlines()) {
    const auto value = headline.main ? headline.value(result) : std::nullopt;
    if (value)
      out += fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span></div>\n",
                         html_escape(headline_text(headline, *value)), html_escape(headline.name));
  }
  return out + "</div>\n";
}

std::string latency_table(const Result& r) {
  std::string rows;
  const auto row = [&](std::string_view name, const Distribution& d) {
    if (d.count == 0) return;
    rows += fmt::format("<tr><td>{}</td>", name);
    for (const double value : {d.mean, d.p50, d.p90, d.p95, d.p99, d.max})
      rows += fmt::format("<td>{}</td>", human_time(value));
    rows += fmt::format("<td>{}</td></tr>\n", human_count(d.count));
  };
  row("time to first token (TTFT)", r.ttft_s);
  row("time per output token (TPOT)", r.tpot_s);
  row("inter-token latency (ITL)", r.itl_s);
  row("end to end (E2E)", r.e2e_s);
  row("queue", r.queue_s);
  if (rows.empty()) return "";
  return "<h2>Latency</h2>\n<div class=\"scroll\"><table>\n<tr><th></th><th>mean</th><th>p50</th>"
         "<th>p90</th><th>p95</th><th>p99</th><th>max</th><th>count</th></tr>\n" +
         rows + "</table></div>\n";
}

std::string breakdown_table(const Result& r) {
  double sum = 0;
  double largest = 0;
  for (const auto& [phase, seconds] : r.time_breakdown_s) {
    sum += seconds;
    largest = std::max(largest, seconds);
  }
  if (sum <= 0) return "";
  std::string out =
      "<h2>Time by phase</h2>\n<div class=\"scroll\"><table>\n"
      "<tr><th>phase</th><th>time</th><th>share</th><th></th></tr>\n";
  for (const auto& [phase, seconds] : r.time_breakdown_s)
    out += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"bar\"><i style=\"width:{:.1f}%\"></i>"
        "</td></tr>\n",
        html_escape(phase), human_time(seconds), human_percent(seconds / sum),
        seconds / largest * 100);
  return out + "</table></div>\n";
}

/// Every headline, one column per result, the best of a row marked.
std::string figures_table(std::span<const Result> results) {
  std::string out = "<h2>Figures</h2>\n<div class=\"scroll\"><table>\n";
  if (results.size() > 1) {
    out += "<tr><th></th>";
    for (const auto& title : titles_of(results))
      out += fmt::format("<th>{}</th>", html_escape(one_line(title)));
    out += "</tr>\n";
  }
  for (const auto& headline : headlines()) {
    std::vector<std::optional<double>> values;
    for (const auto& result : results) values.push_back(headline.value(result));
    if (std::none_of(values.begin(), values.end(), [](const auto& v) { return v.has_value(); }))
      continue;
    const auto best = best_of(headline, values);
    out += fmt::format("<tr><td>{}</td>", html_escape(headline.name));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const bool is_best = std::find(best.begin(), best.end(), i) != best.end();
      out +=
          fmt::format("<td{}>{}</td>", is_best ? " class=\"best\" title=\"best of the row\"" : "",
                      values[i] ? html_escape(headline_text(headline, *values[i])) : "–");
    }
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string pictures(const HtmlReport& report) {
  if (report.pictures.empty()) return "";
  std::string out = "<h2>Plots</h2>\n";
  for (const auto& picture : report.pictures)
    out += fmt::format("<figure>\n{}\n<figcaption>{}</figcaption>\n</figure>\n",
                       inline_svg(picture.svg, picture.name, picture.caption),
                       html_escape(picture.caption));
  return out;
}

std::string provenance(const HtmlReport& report) {
  std::string out = "<h2>How to run it again</h2>\n";
  if (!report.command.empty()) out += fmt::format("<pre>{}</pre>\n", html_escape(report.command));
  const auto titles = titles_of(report.results);
  for (std::size_t i = 0; i < report.results.size(); ++i) {
    const auto& r = report.results[i];
    out += fmt::format(
        "<details{}><summary>Resolved scenario{}: seed {}, moesim {}, {} events in {}, {} of "
        "memory</summary>\n<pre>{}</pre></details>\n",
        report.results.size() == 1 ? " open" : "",
        report.results.size() == 1 ? "" : " of " + html_escape(one_line(titles[i])), r.seed,
        version(), human_count(r.events), human_time(r.wall_s),
        human_bytes(static_cast<double>(r.peak_rss_bytes)), html_escape(to_yaml(r.scenario)));
  }
  return out;
}

}  // namespace

std::vector<Picture> read_pictures(std::span<const Figure> figures, const std::string& directory) {
  std::vector<Picture> pictures;
  for (const auto& figure : figures)
    pictures.push_back(
        {figure.name, figure.caption, read_text_file(directory + "/" + figure.name + ".svg")});
  return pictures;
}

std::string html_report(const HtmlReport& report) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
      html_escape(one_line(report.title)), kHtmlStyle);
  out += header(report);
  if (report.results.size() == 1) {
    out += tiles(report.results[0]) + latency_table(report.results[0]) + pictures(report) +
           breakdown_table(report.results[0]) + figures_table(report.results);
  } else {
    out += figures_table(report.results) + pictures(report);
  }
  return out + provenance(report) + "</main>\n</body>\n</html>\n";
}

}  // namespace moesim
