#include "calibrate/import.hpp"

#include <filesystem>

#include "calibrate/llmservingsim.hpp"
#include "models/device/catalogue.hpp"
#include "sim/core/data_path.hpp"

namespace moesim {

ImportedProfile import_profile(const ImportRequest& request, const std::string& date,
                               const FitProgress& progress) {
  const auto device = load_device(data_path("models/device"), request.device);
  Measured measured;
  ImportedProfile result;
  for (const auto& path : request.tables) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
      add_llmservingsim(measured, path, request.model);
    else
      measured.add(read_csv(path));
  }
  result.rows = static_cast<std::int64_t>(measured.size());
  result.profile = fit_profile(measured, device, progress);
  result.left_out = std::move(measured.left_out);
  for (const auto& [_, rows] : result.left_out) result.rows += rows;
  auto& p = result.profile;
  p.name = request.name;
  p.device = device.name;
  p.provenance = request.provenance;
  p.provenance.kind = "imported";
  p.provenance.date = date;
  for (const auto& path : request.tables)
    p.provenance.tables.push_back(std::filesystem::path(path).filename().string());
  return result;
}

}  // namespace moesim
