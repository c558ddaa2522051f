#include "sim/report/saved_result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sim/core/error.hpp"
#include "sim/core/text_file.hpp"
#include "sim/report/result_json.hpp"
#include "sim/report/text.hpp"

namespace moesim {
namespace {

using Json = nlohmann::ordered_json;

/// Deeper than any result: a guard for the stack against a hostile file.
constexpr int kMaxDepth = 64;

Location place_of_byte(const std::string& text, const std::string& path, std::size_t byte) {
  const auto before = std::string_view(text).substr(0, byte == 0 ? 0 : byte - 1);
  const auto line_start = before.rfind('\n');
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const auto column =
      line_start == std::string_view::npos ? before.size() : before.size() - line_start - 1;
  return {path, static_cast<int>(lines) + 1, static_cast<int>(column) + 1};
}

/// nlohmann's sentence without its own "[json.exception...] parse error at line 1, column 2: ".
std::string reason_of(const std::string& what) {
  const auto start = what.find("syntax error");
  if (start != std::string::npos) return what.substr(start);
  const auto colon = what.find(": ");
  return colon == std::string::npos ? what : what.substr(colon + 2);
}

Json parse(const std::string& text, const std::string& path) {
  int depth = 0;
  const auto shallow = [&](int, Json::parse_event_t event, Json&) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) ++depth;
    if (event == Event::object_end || event == Event::array_end) --depth;
    if (depth > kMaxDepth)
      throw InputError(fmt::format("{}: not a moesim result: nested too deeply", path));
    return true;
  };
  try {
    return Json::parse(text, shallow);
  } catch (const Json::parse_error& error) {
    throw InputError(place_of_byte(text, path, error.byte),
                     "not JSON: " + one_line(reason_of(error.what())));
  } catch (const Json::exception& error) {  // a number that no double holds
    throw InputError(fmt::format("{}: not JSON: {}", path, one_line(reason_of(error.what()))));
  }
}

template <class Visit>
void walk(const Json& value, const std::string& key, const Visit& visit) {
  if (value.is_object() && !value.empty()) {
    for (const auto& [name, item] : value.items())
      walk(item, key.empty() ? name : key + "." + name, visit);
  } else if (value.is_array() && !value.empty()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      walk(value[i], fmt::format("{}[{}]", key, i), visit);
  } else {
    visit(key, value);
  }
}

bool is_input(const std::string& key) {
  return key == "seed" || key == "moesim_version" || key == "scenario" ||
         key.starts_with("scenario.") || key.starts_with("scenario[");
}

}  // namespace

SavedResult parse_result_json(const std::string& text, const std::string& path) {
  const Json json = parse(text, path);
  const auto refuse = [&](const std::string& why) {
    throw InputError(fmt::format("{}: not a moesim result: {}", path, why));
  };
  if (!json.is_object()) refuse("the top level is not an object");
  const auto schema = json.find("schema");
  if (schema == json.end())
    refuse("it has no key 'schema' (write one with 'moesim run FILE --json PATH')");
  if (*schema != kResultSchema)
    refuse(fmt::format("its schema is {}, this version reads \"{}\"",
                       schema->dump(-1, ' ', false, Json::error_handler_t::replace),
                       kResultSchema));
  SavedResult saved;
  saved.path = path;
  walk(json, "", [&](const std::string& key, const Json& value) {
    if (is_input(key))
      saved.inputs.emplace_back(key, value.dump(-1, ' ', false, Json::error_handler_t::replace));
    else if (value.is_number())
      saved.figures.emplace_back(key, value.get<double>());
  });
  return saved;
}

SavedResult read_result_json(const std::string& path) {
  return parse_result_json(read_text_file(path, std::size_t{64} << 20), path);
}

}  // namespace moesim
