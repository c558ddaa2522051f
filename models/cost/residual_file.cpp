// The text of the residual grids: one line per curve,
//   gemm,<fit>,m,<m>,<m>,...                         the axis of the fit's curves
//   gemm,<fit>,<n>,<k>,<r>,<r>,...                   the same for router
//   loads,<id>,<assigned>:<most>:<active>:<tokens>,...  the loads of experts' curves, ids from 0
//     (tokens that the kernel is given; without :<tokens> where they are not known)
//   experts,<fit>,<hidden>,<intermediate>,<local>,<loads id>,<r>,<r>,...
//     (local is <local>:<experts>:<top-k> where the model is known)
//   prefill|decode,<fit>,batch,...  and  ,length,...  and  ,<heads>,<kv heads>,<r>,...
// where <fit> counts the fits of that operation in the YAML file and r is in thousandths of a
// natural logarithm, "" where nothing was measured.
#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "models/cost/interpolate.hpp"
#include "models/cost/profile.hpp"

namespace moesim {
namespace {

constexpr float kNothing = std::numeric_limits<float>::quiet_NaN();

int thousandths(float log_ratio) { return static_cast<int>(std::lround(log_ratio * 1000)); }

void append_values(std::string& out, const std::vector<float>& values) {
  for (const float value : values) {
    out += ',';
    if (!std::isnan(value)) out += std::to_string(thousandths(value));
  }
  out += '\n';
}

void append_axis(std::string& out, const std::string& head, const std::vector<std::int64_t>& axis) {
  out += head;
  for (const auto value : axis) out += ',' + std::to_string(value);
  out += '\n';
}

void append_gemm(std::string& out, const char* name, const std::vector<GemmFit>& fits) {
  for (std::size_t i = 0; i < fits.size(); ++i) {
    const auto& grid = fits[i].residual;
    if (grid.empty()) continue;
    append_axis(out, fmt::format("{},{},m", name, i), grid.m());
    for (const auto& curve : grid.curves()) {
      out += fmt::format("{},{},{},{}", name, i, curve.n, curve.k);
      append_values(out, curve.log_ratio);
    }
  }
}

template <class Fit>
void append_attention(std::string& out, const char* name, const std::vector<Fit>& fits) {
  for (std::size_t i = 0; i < fits.size(); ++i) {
    const auto& grid = fits[i].residual;
    if (grid.empty()) continue;
    append_axis(out, fmt::format("{},{},batch", name, i), grid.batch());
    append_axis(out, fmt::format("{},{},length", name, i), grid.length());
    for (const auto& g : grid.grids()) {
      out += fmt::format("{},{},{},{}", name, i, std::get<0>(g.shape), std::get<1>(g.shape));
      append_values(out, g.log_ratio);
    }
  }
}

std::int64_t rounded_exp(float log_value) { return std::llround(std::exp(log_value)); }

std::string local_of(const ExpertsResidual::Family& family) {
  if (family.experts == 0) return std::to_string(family.local);
  return fmt::format("{}:{}:{}", family.local, family.experts, family.topk);
}

/// Tables sweep the same token counts for shape after shape: a list of loads is written once,
/// before the first curve over it.
void append_experts(std::string& out, const std::vector<ExpertsFit>& fits) {
  std::map<std::string, std::size_t> written;
  for (std::size_t i = 0; i < fits.size(); ++i)
    for (const auto& [family, curves] : fits[i].residual.families())
      for (const auto& curve : curves) {
        std::string loads, ratios;
        for (const auto& p : curve) {
          loads += fmt::format(",{}:{}:{}", rounded_exp(p.log_assigned), rounded_exp(p.log_most),
                               rounded_exp(p.log_active));
          if (p.tokens > 0) loads += fmt::format(":{}", p.tokens);
          ratios += fmt::format(",{}", thousandths(p.log_ratio));
        }
        const auto [entry, added] = written.emplace(loads, written.size());
        if (added) out += fmt::format("loads,{}{}\n", entry->second, loads);
        out += fmt::format("experts,{},{},{},{},{}{}\n", i, family.hidden, family.intermediate,
                           local_of(family), entry->second, ratios);
      }
}

/// One line of the file, cut at commas as it is asked for.
class Line {
 public:
  Line(std::string_view text, const std::string& file, int number)
      : rest_(text), file_(file), number_(number) {}

  bool done() const { return done_; }
  std::string_view word() {
    if (done_) refuse("the line is too short");
    const auto comma = rest_.find(',');
    const auto cell = rest_.substr(0, comma);
    done_ = comma == std::string_view::npos;
    rest_ = done_ ? std::string_view{} : rest_.substr(comma + 1);
    return cell;
  }
  std::int64_t integer(std::string_view cell) const {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error != std::errc{} || end != cell.data() + cell.size())
      refuse(fmt::format("expected a whole number, found '{}'", cell));
    return value;
  }
  std::int64_t integer() { return integer(word()); }
  float log_ratio(std::string_view cell) const {
    return cell.empty() ? kNothing : static_cast<float>(integer(cell)) * 1e-3F;
  }
  [[noreturn]] void refuse(const std::string& what) const {
    throw InputError(Location{file_, number_, 1}, what);
  }

 private:
  std::string_view rest_;
  const std::string& file_;
  int number_;
  bool done_ = false;
};

std::vector<std::int64_t> axis(Line& line) {
  std::vector<std::int64_t> values;
  while (!line.done()) {
    values.push_back(line.integer());
    if (values.back() < 1 || (values.size() > 1 && values.back() <= values[values.size() - 2]))
      line.refuse("the values of an axis must be positive and ascend");
  }
  return values;
}

std::vector<float> values_of(Line& line, std::size_t expected) {
  std::vector<float> values;
  while (!line.done()) values.push_back(line.log_ratio(line.word()));
  if (values.size() != expected)
    line.refuse(fmt::format("expected {} values, found {}", expected, values.size()));
  return values;
}

/// A point without its ratio, from "assigned:most:active" or "assigned:most:active:tokens".
ExpertsResidual::Point load_of(const Line& line, std::string_view cell) {
  std::int64_t counts[4] = {0, 0, 0, 0};
  std::size_t found = 0;
  for (bool more = true; more; ++found) {
    const auto colon = cell.find(':');
    more = colon != std::string_view::npos;
    if (found == 4) line.refuse("expected assigned:most:active:tokens");
    counts[found] = line.integer(cell.substr(0, colon));
    if (counts[found] < 1) line.refuse("counts must be positive");
    if (more) cell = cell.substr(colon + 1);
  }
  if (found < 3) line.refuse("expected assigned:most:active:tokens");
  const auto log_of = [](std::int64_t count) {
    return static_cast<float>(quick_log(static_cast<double>(count)));
  };
  return {log_of(counts[0]), log_of(counts[1]), log_of(counts[2]), 0.F,
          static_cast<std::int32_t>(counts[3])};
}

struct Axes {
  std::vector<std::int64_t> first, second;
};

/// What the lines of one operation and fit gather before the grid is made.
struct Gathered {
  std::map<std::size_t, Axes> axes;
  std::map<std::size_t, std::vector<GemmResidual::Curve>> gemm;
  std::map<std::size_t, std::map<ExpertsResidual::Family, ExpertsResidual::Curves>> experts;
  std::map<std::size_t, std::vector<AttentionResidual::Grid>> grids;
};

void read_gemm(Line& line, std::size_t fit, Gathered& into) {
  const auto first = line.word();
  if (first == "m") {
    into.axes[fit].first = axis(line);
    return;
  }
  GemmResidual::Curve curve;
  curve.n = line.integer(first);
  curve.k = line.integer();
  if (curve.n < 1 || curve.k < 1) line.refuse("n and k must be positive");
  curve.log_ratio = values_of(line, into.axes[fit].first.size());
  into.gemm[fit].push_back(std::move(curve));
}

/// `cell` is "local" or "local:experts:topk".
ExpertsResidual::Family family_of(const Line& line, std::int64_t hidden, std::int64_t intermediate,
                                  std::string_view cell) {
  ExpertsResidual::Family family{hidden, intermediate, 0, 0, 0};
  const auto first = cell.find(':'), last = cell.rfind(':');
  family.local = line.integer(cell.substr(0, first));
  if (first != std::string_view::npos) {
    if (first == last) line.refuse("expected local or local:experts:topk");
    family.experts = line.integer(cell.substr(first + 1, last - first - 1));
    family.topk = line.integer(cell.substr(last + 1));
    if (family.experts < 1 || family.topk < 1) line.refuse("sizes must be positive");
  }
  if (hidden < 1 || intermediate < 1 || family.local < 1) line.refuse("sizes must be positive");
  return family;
}

using Loads = std::vector<std::vector<ExpertsResidual::Point>>;

void read_loads(Line& line, Loads& into) {
  if (line.integer() != std::ssize(into))
    line.refuse(fmt::format("loads are numbered in order: expected {}", into.size()));
  auto& loads = into.emplace_back();
  while (!line.done()) loads.push_back(load_of(line, line.word()));
  if (loads.empty()) line.refuse("a curve needs a point");
}

void read_experts(Line& line, std::size_t fit, const Loads& loads, Gathered& into) {
  const auto hidden = line.integer(), intermediate = line.integer();
  const auto family = family_of(line, hidden, intermediate, line.word());
  const auto id = line.integer();
  if (id < 0 || id >= std::ssize(loads)) line.refuse(fmt::format("no loads numbered {} yet", id));
  auto curve = loads[static_cast<std::size_t>(id)];
  const auto ratios = values_of(line, curve.size());
  for (std::size_t i = 0; i < curve.size(); ++i) {
    if (std::isnan(ratios[i])) line.refuse("a point of experts needs a ratio");
    curve[i].log_ratio = ratios[i];
  }
  into.experts[fit][family].push_back(std::move(curve));
}

void read_attention(Line& line, std::size_t fit, Gathered& into) {
  auto& axes = into.axes[fit];
  const auto first = line.word();
  if (first == "batch") {
    axes.first = axis(line);
  } else if (first == "length") {
    axes.second = axis(line);
  } else {
    const auto heads = line.integer(first), kv_heads = line.integer();
    if (heads < 1 || kv_heads < 1) line.refuse("heads must be positive");
    into.grids[fit].push_back(
        {{heads, kv_heads}, values_of(line, axes.first.size() * axes.second.size())});
  }
}

void place_gemm(std::vector<GemmFit>& fits, Gathered& from) {
  for (auto& [fit, curves] : from.gemm)
    fits[fit].residual = GemmResidual(from.axes[fit].first, std::move(curves));
}

template <class Fit>
void place_attention(std::vector<Fit>& fits, Gathered& from) {
  for (auto& [fit, grids] : from.grids)
    fits[fit].residual =
        AttentionResidual(from.axes[fit].first, from.axes[fit].second, std::move(grids));
}

}  // namespace

std::string residual_text(const Profile& profile) {
  std::string out;
  append_gemm(out, "gemm", profile.gemm);
  append_gemm(out, "router", profile.router);
  append_experts(out, profile.experts);
  append_attention(out, "prefill", profile.prefill);
  append_attention(out, "decode", profile.decode);
  return out;
}

void add_residuals(Profile& profile, const std::string& text, const std::string& file) {
  std::map<std::string, Gathered, std::less<>> all;
  const std::map<std::string, std::size_t, std::less<>> fits = {{"gemm", profile.gemm.size()},
                                                                {"router", profile.router.size()},
                                                                {"experts", profile.experts.size()},
                                                                {"prefill", profile.prefill.size()},
                                                                {"decode", profile.decode.size()}};
  Loads loads;
  int number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto newline = std::min(text.find('\n', begin), text.size());
    Line line(std::string_view(text).substr(begin, newline - begin), file, ++number);
    begin = newline + 1;
    const auto operation = line.word();
    if (operation == "loads") {
      read_loads(line, loads);
      continue;
    }
    const auto known = fits.find(operation);
    if (known == fits.end())
      line.refuse(fmt::format(
          "unknown operation '{}' (valid: decode, experts, gemm, loads, prefill, router)",
          operation));
    const auto fit = static_cast<std::size_t>(line.integer());
    if (fit >= known->second)
      line.refuse(fmt::format("the profile has {} fits of {}, this line belongs to number {}",
                              known->second, operation, fit));
    auto& into = all[known->first];
    if (operation == "gemm" || operation == "router")
      read_gemm(line, fit, into);
    else if (operation == "experts")
      read_experts(line, fit, loads, into);
    else
      read_attention(line, fit, into);
  }
  place_gemm(profile.gemm, all["gemm"]);
  place_gemm(profile.router, all["router"]);
  for (auto& [fit, families] : all["experts"].experts)
    profile.experts[fit].residual =
        ExpertsResidual(std::move(families), profile.experts[fit].shares());
  place_attention(profile.prefill, all["prefill"]);
  place_attention(profile.decode, all["decode"]);
}

}  // namespace moesim
