#include "models/cost/collective_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "models/cost/interpolate.hpp"
#include "sim/core/data_path.hpp"
#include "sim/core/parsed_files.hpp"
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
          .optional("per_token", &CollectiveForm::per_token, "per token of a block")
          .min(0)
          .optional("per_expert", &CollectiveForm::per_expert, "per expert of the layer")
          .min(0);
  return list;
}

const Parameters<CollectiveCurve>& CollectiveCurve::parameters() {
  static const auto list =
      Parameters<CollectiveCurve>()
          .optional("model", &CollectiveCurve::model,
                    "hidden size, experts per token and experts of a layer; empty: plain buffers")
          .min(1)
          .required("bytes_per_size", &CollectiveCurve::bytes_per_size,
                    "bytes that leave a rank per token, or per byte of the buffer", "0.875")
          .above(0)
          .optional("tokens_per_size", &CollectiveCurve::tokens_per_size,
                    "tokens that one block of threads handles, per token of the rank")
          .min(0)
          .optional("sizes", &CollectiveCurve::sizes,
                    "measured tokens of a rank, or bytes of the buffer; empty: those of the fit")
          .min(1)
          .required("log_ratio", &CollectiveCurve::log_ratio,
                    "log(measured / form) in thousandths, per size", "[0, 0]")
          .min(-20000)
          .max(20000);
  return list;
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
          .optional("sizes", &CollectiveFit::sizes, "of curves that name none of their own")
          .min(1)
          .optional("curves", &CollectiveFit::curves, "what the form leaves over, by shape");
  return list;
}

void CollectiveFit::check(const Node& at) const {
  if (nodes > ranks) throw InputError(at.where, fmt::format("{} nodes for {} ranks", nodes, ranks));
  for (const auto& curve : curves) {
    if (!curve.model.empty() && curve.model.size() != 3)
      throw InputError(at.where,
                       "model needs three numbers: hidden size, experts per token, experts");
    const auto& of_curve = curve.sizes.empty() ? sizes : curve.sizes;
    if (of_curve.empty() || of_curve.size() != curve.log_ratio.size())
      throw InputError(at.where, fmt::format("a curve has one log_ratio per size, found {} for {}",
                                             curve.log_ratio.size(), of_curve.size()));
    if (std::ranges::adjacent_find(of_curve, std::greater_equal{}) != of_curve.end())
      throw InputError(at.where, "the sizes of a curve must ascend");
  }
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

std::shared_ptr<const CollectiveProfile> shared_collective_profile(const std::string& path) {
  static ParsedFiles<CollectiveProfile> profiles;
  return profiles.get({path}, [&] { return read_collective_profile(path); });
}

namespace {

/// Every optional parameter of a profile is zero or empty unless it is written.
void drop_nothings(Node& node) {
  const auto is_nothing = [](const Node& value) {
    if (value.is_sequence()) return value.items.empty();
    return value.is_scalar() &&
           (value.quoted ? value.text.empty() : value.text == "0" || value.text == "0 s");
  };
  if (node.is_mapping())
    for (const auto& key : std::vector<std::string>(node.keys))
      if (is_nothing(*node.find(key))) node.erase(key);
  for (auto& item : node.items) drop_nothings(item);
}

}  // namespace

std::string collective_profile_yaml(const CollectiveProfile& profile) {
  auto copy = profile;
  for (auto& fit : copy.fits)
    for (auto& curve : fit.curves)
      if (curve.sizes == fit.sizes) curve.sizes.clear();
  Node node = CollectiveProfile::parameters().write(copy);
  drop_nothings(node);
  return to_yaml(node);
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
