#include "sim/report/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/core/error.hpp"
#include "sim/metrics/distribution.hpp"
#include "sim/report/human.hpp"
#include "sim/report/json_text.hpp"
#include "sim/report/text_table.hpp"

namespace moesim {
namespace {

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

std::string percent(double fraction, bool sign = false) {
  const auto text = human_fixed(std::abs(fraction) * 100, 1) + " %";
  if (!sign || text == "0.0 %") return text;
  return (fraction < 0 ? "-" : "+") + text;
}

std::string markdown(const std::vector<std::string>& names,
                     const std::vector<std::vector<std::string>>& rows) {
  std::string text = fmt::format("| {} |\n| --- |", fmt::join(names, " | "));
  for (std::size_t c = 1; c < names.size(); ++c) text += " ---: |";
  text += "\n";
  for (const auto& row : rows) text += fmt::format("| {} |\n", fmt::join(row, " | "));
  return text;
}

std::string rendered(const std::vector<std::string>& names,
                     std::vector<std::vector<std::string>> rows, TableStyle style) {
  if (style == TableStyle::kMarkdown) return markdown(names, rows);
  std::vector<TextTable::Column> columns;
  for (const auto& name : names)
    columns.push_back({name, columns.empty() ? TextTable::kLeft : TextTable::kRight});
  TextTable table(std::move(columns));
  for (auto& row : rows) table.add(std::move(row));
  return table.text(0);
}

}  // namespace

std::size_t index_in(std::vector<std::string>& values, const std::string& value) {
  const auto at = std::ranges::find(values, value);
  const auto index = static_cast<std::size_t>(at - values.begin());
  if (at == values.end()) values.push_back(value);
  return index;
}

ErrorStatistics error_statistics(std::span<const double> errors) {
  std::vector<double> absolute;
  for (const double e : errors) absolute.push_back(std::abs(e));
  const auto size = distribution(std::span<const double>(absolute));
  return {size.count, size.p50, size.p90, distribution(errors).p50, size.mean, size.p95};
}

std::optional<bool> LedgerEntry::pass() const {
  if (!target && !mean_target) return std::nullopt;
  return errors.n > 0 && (!target || errors.median_abs <= *target) &&
         (!target_p90 || errors.p90_abs <= *target_p90) &&
         (!target_p95 || errors.p95_abs <= *target_p95) &&
         (!mean_target || errors.mean_abs <= *mean_target);
}

std::string ledger_json(const Ledger& ledger) {
  Json entries = Json::array();
  for (const auto& entry : ledger.entries) {
    const auto& e = entry.errors;
    const auto known = [&](double value) { return e.n > 0 ? Json(value) : Json(); };
    Json row;
    row["name"] = entry.name;
    row["group"] = entry.group;
    row["metric"] = entry.metric;
    row["n"] = e.n;
    row["left_out"] = entry.left_out;
    row["median_abs_error"] = known(e.median_abs);
    row["p90_abs_error"] = known(e.p90_abs);
    row["bias"] = known(e.bias);
    row["target"] = or_null(entry.target);
    if (entry.target_p90) row["target_p90"] = *entry.target_p90;
    if (entry.target_p95) {
      row["p95_abs_error"] = known(e.p95_abs);
      row["target_p95"] = *entry.target_p95;
    }
    if (entry.mean_target) {
      row["mean_abs_error"] = known(e.mean_abs);
      row["mean_target"] = *entry.mean_target;
    }
    if (entry.least)
      row["least_error"] = {{"pairs", entry.least->n},
                            {"median", entry.least->median_abs},
                            {"p90", entry.least->p90_abs}};
    row["pass"] = or_null(entry.pass());
    entries.push_back(std::move(row));
  }
  Json json;
  json["date"] = ledger.date;
  json["version"] = ledger.version;
  json["entries"] = std::move(entries);
  Json points = Json::array();
  for (const auto& point : ledger.points) {
    Json row;
    row["name"] = point.name;
    row["group"] = point.group;
    row["metric"] = point.metric;
    row["id"] = point.id;
    row["measured"] = point.measured;
    row["predicted"] = point.predicted;
    row["fitted"] = point.fitted;
    points.push_back(std::move(row));
  }
  json["points"] = std::move(points);
  return json_text(json);
}

Ledger read_ledger(const std::string& text, const std::string& file) {
  Ledger ledger;
  try {
    const auto json = Json::parse(text);
    ledger.date = json.at("date").get<std::string>();
    ledger.version = json.at("version").get<std::string>();
    for (const auto& row : json.at("entries")) {
      LedgerEntry entry;
      entry.name = row.at("name").get<std::string>();
      entry.group = row.at("group").get<std::string>();
      entry.metric = row.at("metric").get<std::string>();
      entry.errors.n = row.at("n").get<std::int64_t>();
      entry.left_out = row.at("left_out").get<std::int64_t>();
      if (entry.errors.n > 0) {
        entry.errors.median_abs = row.at("median_abs_error").get<double>();
        entry.errors.p90_abs = row.at("p90_abs_error").get<double>();
        entry.errors.bias = row.at("bias").get<double>();
      }
      ledger.entries.push_back(std::move(entry));
    }
  } catch (const Json::exception& error) {
    throw InputError(
        fmt::format("{}: not a ledger of `moesim validate --json`: {}", file, error.what()));
  }
  return ledger;
}

std::string ledger_changes(const Ledger& before, const Ledger& now) {
  constexpr double kMoved = 0.005;
  const auto same = [](const LedgerEntry& a, const LedgerEntry& b) {
    return a.name == b.name && a.group == b.group && a.metric == b.metric;
  };
  std::string lines;
  std::size_t alike = 0, more = 0;
  for (const auto& entry : now.entries) {
    const auto old =
        std::ranges::find_if(before.entries, [&](const LedgerEntry& e) { return same(e, entry); });
    const auto what = fmt::format("{}, {}, {}", entry.name, entry.group, entry.metric);
    if (old == before.entries.end()) {
      ++more;
      continue;
    }
    const auto &a = old->errors, &b = entry.errors;
    if (a.n == b.n && std::abs(a.median_abs - b.median_abs) <= kMoved &&
        std::abs(a.p90_abs - b.p90_abs) <= kMoved) {
      ++alike;
      continue;
    }
    lines += fmt::format("  {}: median {} -> {}, p90 {} -> {}, points {} -> {}\n", what,
                         percent(a.median_abs), percent(b.median_abs), percent(a.p90_abs),
                         percent(b.p90_abs), a.n, b.n);
  }
  return fmt::format("since {} (version {}): {} entries as they were, {} new{}\n{}", before.date,
                     before.version, alike, more, lines.empty() ? "" : ", changed:", lines);
}

std::string ledger_table(std::span<const LedgerEntry> entries, TableStyle style) {
  std::vector<std::string> groups, metrics;
  for (const auto& entry : entries) index_in(groups, entry.group), index_in(metrics, entry.metric);
  std::vector<std::string> names = {"group", "points", "left out"};
  for (const auto& metric : metrics)
    for (const auto* what : {"median", "p90", "bias"})
      names.push_back(fmt::format("{} {}", metric, what));
  std::vector<std::vector<std::string>> rows(groups.size(),
                                             std::vector<std::string>(names.size(), "-"));
  for (const auto& entry : entries) {
    auto& row = rows[index_in(groups, entry.group)];
    const auto first = 3 + 3 * index_in(metrics, entry.metric);
    row[0] = entry.group;
    row[1] = human_count(entry.errors.n);
    row[2] = human_count(entry.left_out);
    if (entry.errors.n == 0) continue;
    row[first] = percent(entry.errors.median_abs);
    row[first + 1] = percent(entry.errors.p90_abs);
    row[first + 2] = percent(entry.errors.bias, true);
  }
  return rendered(names, std::move(rows), style);
}

std::string ledger_list(std::span<const LedgerEntry> entries, TableStyle style) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& entry : entries) {
    const auto limits = [&]() -> std::string {
      if (!entry.target) return "-";
      if (entry.target_p95)
        return fmt::format("p95 {} of {}", percent(entry.errors.p95_abs),
                           percent(*entry.target_p95));
      if (!entry.target_p90) return percent(*entry.target);
      return percent(*entry.target) + " / " + percent(*entry.target_p90);
    };
    const auto pass = entry.pass();
    rows.push_back({entry.group, entry.metric, human_count(entry.errors.n),
                    entry.errors.n > 0 ? percent(entry.errors.median_abs) : "-",
                    entry.errors.n > 0 ? percent(entry.errors.p90_abs) : "-",
                    entry.errors.n > 0 ? percent(entry.errors.bias, true) : "-", limits(),
                    !pass   ? "-"
                    : *pass ? "yes"
                            : "no"});
  }
  return rendered({"group", "rows", "points", "median", "p90", "bias", "target", "met"},
                  std::move(rows), style);
}

}  // namespace moesim
