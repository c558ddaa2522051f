#include "models/cost/collective_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "models/cost/interpolate.hpp"
#include "sim/core/data_path.hpp"
#include "sim/core/text_file.hpp"

namespace moesim {

const Parameters<CollectiveForm>& CollectiveForm::parameters() {
  static const auto list =
      Parameters<CollectiveForm>()
          .required("start", &CollectiveForm::start, "time of next to no bytes", "10 us")
          .above(0)
          .required("bandwidth", &CollectiveForm::bandwidth,
                    "of the bytes that leave a rank, large messages", "400 GB/s")
          .above(0)
          .optional("root_s", &CollectiveForm::root_s, "per square root of a byte [s]")
          .min(0)
          .optional("per_token", &CollectiveForm::per_token, "per token of a rank")
          .min(0);
  return list;
}

const Parameters<CollectiveCurve>& CollectiveCurve::parameters() {
  static const auto list =
      Parameters<CollectiveCurve>()
          .optional("hidden", &CollectiveCurve::hidden, "width of a token; 0: plain buffers")
          .min(0)
          .optional("topk", &CollectiveCurve::topk, "experts per token")
          .min(0)
          .optional("experts", &CollectiveCurve::experts, "experts of a layer")
          .min(0)
          .required("bytes_per_size", &CollectiveCurve::bytes_per_size,
                    "bytes that leave a rank per token, or per byte of the buffer", "0.875")
          .above(0)
          .required("sizes", &CollectiveCurve::sizes,
                    "measured tokens of a rank, or bytes of the buffer", "[1, 2]")
          .min(1)
          .required("log_ratio", &CollectiveCurve::log_ratio,
                    "log(measured / form) in thousandths, per size", "[0, 0]")
          .min(-20000)
          .max(20000);
  return list;
}

void CollectiveCurve::check(const Node& at) const {
  if (sizes.empty() || sizes.size() != log_ratio.size())
    throw InputError(at.where, fmt::format("a curve needs one log_ratio per size, found {} for {}",
                                           log_ratio.size(), sizes.size()));
  if (std::ranges::adjacent_find(sizes, std::greater_equal{}) != sizes.end())
    throw InputError(at.where, "the sizes of a curve must ascend");
  if ((hidden == 0) != (topk == 0) || (hidden == 0) != (experts == 0))
    throw InputError(at.where, "hidden, topk and experts belong together: all of them or none");
}

CollectiveWork CollectiveCurve::work(std::int64_t size) const {
  const auto units = static_cast<double>(size);
  return {units * bytes_per_size, hidden > 0 ? units : 0};
}

const Parameters<CollectiveFit>& CollectiveFit::parameters() {
  static const auto list =
      Parameters<CollectiveFit>()
          .required("operation", &CollectiveFit::operation, "what the ranks do", "all_reduce")
          .optional("nodes", &CollectiveFit::nodes, "nodes of the group")
          .min(1)
          .required("ranks", &CollectiveFit::ranks, "ranks of the group", "8")
          .min(2)
          .optional("sms", &CollectiveFit::sms, "SMs of the kernel; 0: the library decides")
          .min(0)
          .required("form", &CollectiveFit::form, "fitted parameters", "{start: 10 us}")
          .required("bytes", &CollectiveFit::bytes, "measured range: bytes that leave a rank",
                    "{from: 512, to: 1e9}")
          .optional("origin", &CollectiveFit::origin, "where it comes from and how good it is")
          .optional("curves", &CollectiveFit::curves, "what the form leaves over, by shape");
  return list;
}

void CollectiveFit::check(const Node& at) const {
  if (nodes > ranks)
    throw InputError(at.where, fmt::format("{} nodes for {} ranks", nodes, ranks));
}

const Parameters<CollectiveProfile>& CollectiveProfile::parameters() {
  static const auto list =
      Parameters<CollectiveProfile>()
          .required("schema", &CollectiveProfile::schema, "version of this form",
                    "moesim-collectives/1")
          .required("name", &CollectiveProfile::name, "name of the profile", "my-gpu.nccl-2.29.2")
          .required("device", &CollectiveProfile::device, "a device of the catalogue", "h100-sxm")
          .required("provenance", &CollectiveProfile::provenance,
                    "where the measurements come from", "{}")
          .required("fits", &CollectiveProfile::fits, "one per operation and group", "[]");
  return list;
}

void CollectiveProfile::check(const Node& at) const {
  if (schema != "moesim-collectives/1")
    throw InputError(at.where, "this profile has schema '" + schema +
                                   "'; this version of moesim reads 'moesim-collectives/1'");
  if (fits.empty()) throw InputError(at.where, "this profile has no fit at all");
}

const CollectiveFit* CollectiveProfile::find(const std::string& operation, std::int64_t nodes,
                                             std::int64_t ranks, const std::string& scheme,
                                             std::int64_t sms) const {
  const auto found = std::ranges::find_if(fits, [&](const CollectiveFit& f) {
    return f.operation == operation && f.nodes == nodes && f.ranks == ranks &&
           (scheme.empty() || f.origin.scheme == scheme) && (sms == 0 || f.sms == sms);
  });
  return found == fits.end() ? nullptr : &*found;
}

CollectiveProfile parse_collective_profile(const std::string& text, const std::string& file) {
  auto profile = CollectiveProfile::parameters().read(parse_yaml(text, file));
  for (auto& fit : profile.fits) fit.prepare();
  return profile;
}

CollectiveProfile read_collective_profile(const std::string& path) {
  return parse_collective_profile(read_text_file(path), path);
}

std::string collective_profile_yaml(const CollectiveProfile& profile) {
  return to_yaml(CollectiveProfile::parameters().write(profile));
}

std::vector<std::string> collective_profile_names(const std::string& device) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(data_path("models/cost/collectives"), error))
    if (entry.path().extension() == ".yaml" &&
        entry.path().filename().string().starts_with(device + "."))
      names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

std::string collective_profile_file(const std::string& name) {
  return data_path("models/cost/collectives/" + name + ".yaml");
}

}  // namespace moesim
