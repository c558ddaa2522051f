#include "sim/report/sweep_html.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/core/version.hpp"
#include "sim/report/html_style.hpp"
#include "sim/report/human.hpp"
#include "sim/report/inline_svg.hpp"
#include "sim/report/sweep_figure_kinds.hpp"
#include "sim/report/sweep_script.hpp"
#include "sim/report/sweep_summary.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

std::string number_cell(const std::optional<Estimate>& estimate, double factor) {
  if (!estimate) return "<td data-v=\"\">–</td>";
  auto text = human_number(estimate->mean * factor);
  if (estimate->count > 1) text += " ± " + human_number(estimate->half_width * factor);
  return fmt::format("<td data-v=\"{}\">{}</td>", estimate->mean * factor, text);
}

std::string header_row(const SweepTable& table) {
  std::string out = "<tr>";
  const auto cell = [&](const std::string& name) {
    out +=
        fmt::format("<th data-name=\"{0}\" tabindex=\"0\">{0}</th>", html_escape(one_line(name)));
  };
  for (const auto& axis : table.file().axes) cell(axis.name);
  for (std::size_t o = 0; o < table.file().objectives.size(); ++o)
    cell(drawn_objective(table, o).label);
  for (const auto& metric : table.file().metrics) cell(metric.name);
  cell("status");
  return out + "</tr>\n";
}

std::string status_of(const SweepTable& table, std::size_t design, bool on_front) {
  const auto& row = table.rows()[design];
  if (!row.violation) return row.problem.empty() ? "not run" : "error: " + row.problem;
  if (!row.feasible()) return "misses a constraint";
  return on_front && row.objectives.size() > 1 ? "Pareto front" : "fine";
}

std::string design_row(const SweepTable& table, std::size_t design, bool on_front, bool best) {
  std::string out = best ? "<tr class=\"best\">" : "<tr>";
  const auto& choice = table.space().choice(design);
  for (std::size_t a = 0; a < choice.size(); ++a) {
    const auto& axis = table.file().axes[a];
    const auto value = static_cast<std::size_t>(choice[a]);
    const auto label = html_escape(one_line(axis.values[value].label));
    out += fmt::format("<td data-v=\"{}\">{}</td>",
                       axis.numeric ? fmt::format("{}", axis.numbers[value]) : label, label);
  }
  for (std::size_t o = 0; o < table.file().objectives.size(); ++o)
    out += number_cell(table.rows()[design].objectives[o], drawn_objective(table, o).factor);
  for (const auto& metric : table.file().metrics)
    out += number_cell(table.estimate(metric.value, design), 1);
  const auto status = html_escape(one_line(status_of(table, design, on_front)));
  return out + fmt::format("<td data-v=\"{0}\" class=\"status\">{0}</td></tr>\n", status);
}

std::string table_of(const SweepTable& table) {
  const auto front = table.front();
  const auto best = table.best();
  auto order = ranked_designs(table);
  for (std::size_t d = 0; d < table.rows().size(); ++d)
    if (std::ranges::find(order, d) == order.end() &&
        (!table.rows()[d].problem.empty() || table.rows()[d].done > 0))
      order.push_back(d);
  std::string out =
      "<h2>Designs</h2>\n<p class=\"meta\">Click a column to sort. Filter: words that a row must "
      "hold, or comparisons, separated by commas.</p>\n<input id=\"filter\" type=\"search\" "
      "placeholder=\"Pareto, TPOT p50 &lt; 40\" aria-label=\"filter\"> <span id=\"shown\" "
      "class=\"meta\"></span>\n<div class=\"scroll\"><table id=\"designs\"><thead>" +
      header_row(table) + "</thead><tbody>\n";
  for (const auto d : order)
    out += design_row(table, d, std::ranges::find(front, d) != front.end(), best && d == *best);
  return out + "</tbody></table></div>\n";
}

std::string best_of(const SweepTable& table) {
  const auto best = table.best();
  if (!best) return "<p>No design has a result.</p>\n";
  const auto& row = table.rows()[*best];
  std::string out = "<div class=\"tiles\">\n";
  for (std::size_t o = 0; o < row.objectives.size(); ++o)
    if (row.objectives[o])
      out += fmt::format("<div class=\"tile\"><b>{}</b><span>{}, best design</span></div>\n",
                         human_number(row.objectives[o]->mean * drawn_objective(table, o).factor),
                         html_escape(drawn_objective(table, o).label));
  return out + fmt::format("</div>\n<p>Best design{}: <b>{}</b></p>\n",
                           row.feasible() ? "" : " (none meets every constraint)",
                           html_escape(table.space().describe(*best)));
}

}  // namespace

std::string sweep_html(const SweepTable& table, const std::vector<Picture>& pictures) {
  const auto& file = table.file();
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}</title>\n<style>{}{}</style>\n</head>\n<body>\n<main>\n<h1>{}</h1>\n",
      html_escape(one_line(file.title)), kHtmlStyle, kSweepStyle, html_escape(file.title));
  if (!file.question.empty())
    out += fmt::format("<p class=\"question\">{}</p>\n", html_escape(file.question));
  std::string constraints;
  for (const auto& constraint : file.constraints)
    constraints += " · " + html_escape(constraint.text());
  out += fmt::format("<p class=\"meta\">{} designs, {} points{} · moesim {}</p>\n",
                     table.space().designs(), table.points().size(), constraints, version());
  out += best_of(table);
  if (!pictures.empty()) out += "<h2>Plots</h2>\n";
  for (const auto& picture : pictures)
    out += fmt::format("<figure>\n{}\n<figcaption>{}</figcaption>\n</figure>\n",
                       inline_svg(picture.svg, picture.name, picture.caption),
                       html_escape(picture.caption));
  out += table_of(table);
  out += fmt::format(
      "<h2>The sweep</h2>\n<details><summary>Definition</summary>\n<pre>{}</pre></details>\n",
      html_escape(to_yaml(file.definition)));
  return out + fmt::format("<script>{}</script>\n</main>\n</body>\n</html>\n", kSweepScript);
}

}  // namespace moesim
