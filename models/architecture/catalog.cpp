#include "models/architecture/catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>

#include "models/architecture/hugging_face.hpp"
#include "sim/core/data_path.hpp"
#include "sim/core/parsed_files.hpp"
#include "sim/core/suggest.hpp"
#include "sim/core/text_file.hpp"

namespace moesim {
namespace {

namespace fs = std::filesystem;

/// No description of a model is longer.
constexpr std::size_t kMostBytes = std::size_t{16} << 20;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

fs::path catalog_folder() { return data_path("models/architecture/data"); }

Model read_file(const std::string& path) {
  const auto text = read_text_file(path, kMostBytes);
  const auto first = text.find_first_not_of(" \t\r\n");
  const auto extension = lower(fs::path(path).extension().string());
  const bool yaml = extension == ".yaml" || extension == ".yml";
  const bool json =
      extension == ".json" || (!yaml && first != std::string::npos && text[first] == '{');
  if (!json) return read_model(parse_yaml(text, path));
  const auto file = fs::path(path);
  const auto folder = fs::absolute(file).parent_path().filename().string();
  const auto stem = file.stem().string();
  return read_hugging_face_config(text, path, stem == "config" && !folder.empty() ? folder : stem);
}

std::optional<Model> find_shipped(const std::string& name) {
  const auto wanted = lower(name);
  const auto names = model_names();
  const auto load = [](const std::string& known) {
    static ParsedFiles<Model> models;
    const auto path = (catalog_folder() / (known + ".yaml")).string();
    return *models.get({path}, [&] { return read_file(path); });
  };
  if (std::ranges::find(names, wanted) != names.end()) return load(wanted);
  for (const auto& known : names) {
    auto model = load(known);
    for (const auto& alias : model.aliases)
      if (lower(alias) == wanted) return model;
  }
  return {};
}

bool looks_like_path(const std::string& text) {
  const auto extension = lower(fs::path(text).extension().string());
  return extension == ".json" || extension == ".yaml" || extension == ".yml" ||
         text.starts_with('/') || text.starts_with("./") || text.starts_with("../");
}

/// "; did you mean ...": a name that begins like the one asked for (without its organisation), else
/// the nearest.
std::string suggestion(const std::string& asked) {
  const auto word = lower(asked.substr(asked.rfind('/') + 1));
  const auto names = model_names();
  const auto alike = [&](const std::string& name) {
    return word.size() >= 3 && (name.starts_with(word) || word.starts_with(name));
  };
  const auto found = std::ranges::find_if(names, alike);
  return did_you_mean(found == names.end() ? word : *found, names);
}

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(catalog_folder(), failed))
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  if (failed)
    throw InputError(
        fmt::format("{}: cannot read: {}", catalog_folder().string(), failed.message()));
  std::ranges::sort(names);
  return names;
}

Model load_model(const std::string& name_or_path, const Location& asked) {
  const auto fail = [&](const std::string& what) {
    return asked.file.empty() ? InputError(what) : InputError(asked, what);
  };
  if (name_or_path.empty()) throw fail("the name of the model is empty");
  if (!looks_like_path(name_or_path))
    if (auto model = find_shipped(name_or_path)) return std::move(*model);
  std::error_code ignored;
  const fs::path path(name_or_path);
  if (fs::is_directory(path, ignored)) {
    if (fs::exists(path / "config.json", ignored))
      return read_file((path / "config.json").string());
    throw fail(fmt::format("the folder '{}' has no config.json", name_or_path));
  }
  if (fs::exists(path, ignored)) return read_file(name_or_path);
  if (looks_like_path(name_or_path))
    throw fail(fmt::format("cannot read the model file '{}'", name_or_path));
  throw fail(fmt::format("unknown model '{}'{}", name_or_path, suggestion(name_or_path)));
}

}  // namespace moesim
