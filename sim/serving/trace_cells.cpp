#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>

#include "sim/serving/trace_rows.hpp"

namespace moesim::trace {
namespace {

// Beyond the context of any model (the largest published is 10^7 tokens); keeps sums over a trace
// inside 64 bits.
constexpr std::int64_t max_tokens = 1'000'000'000;
// Three centuries: keeps nanoseconds inside 64 bits.
constexpr double max_seconds = 9e9;

[[noreturn]] void refuse(std::string_view text, const Location& where, std::string_view expected) {
  constexpr std::size_t shown = 40;
  throw InputError(
      where, text.empty() ? fmt::format("expected {}, found an empty cell", expected)
                          : fmt::format("expected {}, found '{}{}'", expected,
                                        text.substr(0, shown), text.size() > shown ? "..." : ""));
}

double read_decimal(std::string_view text, const Location& where, std::string_view expected) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    refuse(text, where, expected);
  return value;
}

/// The digits at `at`, exactly `count` of them.
bool digits(std::string_view text, std::size_t at, std::size_t count, int& value) {
  if (at + count > text.size()) return false;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + count, value);
  return error == std::errc() && end == text.data() + at + count && text[at] != '-';
}

/// Nanoseconds in "5", "50", ...: the digits after the point of a second. -1 when there is anything
/// else.
std::int64_t read_fraction(std::string_view text) {
  if (text.empty()) return -1;
  std::int64_t value = 0;
  std::int64_t weight = 100'000'000;  // digits beyond nanoseconds weigh nothing
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    value += weight * (c - '0');
    weight /= 10;
  }
  return value;
}

/// Nanoseconds since 1970 of "2023-11-16 18:17:03.9799600", also with 'T' and with a UTC mark (Z,
/// +00:00). Whole numbers throughout: a double of seconds since 1970 resolves no better than 0.2
/// us.
std::int64_t read_date(std::string_view full, const Location& where) {
  auto text = full;
  for (const std::string_view mark : {"Z", "+00:00", "+00"})
    if (text.ends_with(mark)) {
      text.remove_suffix(mark.size());
      break;
    }
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const bool shape = digits(text, 0, 4, year) && digits(text, 5, 2, month) &&
                     digits(text, 8, 2, day) && digits(text, 11, 2, hour) &&
                     digits(text, 14, 2, minute) && digits(text, 17, 2, second) && text[4] == '-' &&
                     text[7] == '-' && (text[10] == ' ' || text[10] == 'T') && text[13] == ':' &&
                     text[16] == ':' && (text.size() == 19 || text[19] == '.');
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  const std::int64_t fraction = shape && text.size() > 19 ? read_fraction(text.substr(20)) : 0;
  // nanoseconds since 1970 fill 64 bits in 2262
  const bool countable = year >= 1970 && year < 2262;
  if (!shape || !countable || !date.ok() || hour > 23 || minute > 59 || second > 60 || fraction < 0)
    refuse(full, where, "a date like 2023-11-16 18:17:03.979");
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + hour) * 60 + minute) * 60'000'000'000 + second * 1'000'000'000LL + fraction;
}

double unit(TimeForm form) {
  if (form == TimeForm::kMilliseconds) return 1e3;
  return form == TimeForm::kNanoseconds ? 1e9 : 1;
}

}  // namespace

const std::vector<Column>& columns() {
  // Azure: github.com/Azure/AzurePublicDataset. Mooncake: github.com/kvcache-ai/Mooncake, FAST'25
  // traces, without hash ids. LLMServingSim: github.com/casys-kaist/LLMServingSim. The last row is
  // the plain form.
  using enum Role;
  static const std::vector<Column> known = {{"timestamp", kArrival, TimeForm::kDate},
                                            {"contexttokens", kInput},
                                            {"generatedtokens", kOutput},
                                            {"timestamp_ms", kArrival, TimeForm::kMilliseconds},
                                            {"input_length", kInput},
                                            {"output_length", kOutput},
                                            {"arrival_time_ns", kArrival, TimeForm::kNanoseconds},
                                            {"input_toks", kInput},
                                            {"output_toks", kOutput},
                                            {"arrival_s", kArrival, TimeForm::kSeconds},
                                            {"input_tokens", kInput},
                                            {"output_tokens", kOutput}};
  return known;
}

std::int64_t read_tokens(std::string_view text, const Location& where, Role role) {
  const auto name = role_names[static_cast<std::size_t>(role)];
  std::int64_t tokens = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), tokens);
  if (error == std::errc::result_out_of_range || (error == std::errc() && tokens > max_tokens))
    throw InputError(where,
                     fmt::format("{}: {} is more than {}", name, text.substr(0, 40), max_tokens));
  if (error != std::errc() || end != text.data() + text.size())
    refuse(text, where, fmt::format("{} (a whole number)", name));
  if (tokens < 1)
    throw InputError(
        where, fmt::format("{}: {}, but a request has at least 1 (drop the row)", name, tokens));
  return tokens;
}

void read_arrival(std::string_view text, const Location& where, TimeForm form, Row& row) {
  if (form == TimeForm::kDate) {
    row.date_ns = read_date(text, where);
    return;
  }
  const double value = read_decimal(text, where, "an arrival time (a number)") / unit(form);
  if (value < 0)
    throw InputError(where, fmt::format("arrival time {} is negative", text.substr(0, 40)));
  if (value > max_seconds)
    throw InputError(where, fmt::format("arrival time {} is out of range", text.substr(0, 40)));
  row.request.arrival = Seconds(value);
}

}  // namespace moesim::trace
