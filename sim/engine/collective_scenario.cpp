#include "sim/engine/collective_scenario.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/core/suggest.hpp"

namespace moesim {

const Parameters<CollectiveEntry>& CollectiveEntry::parameters() {
  static const auto list =
      Parameters<CollectiveEntry>()
          .optional("name", &CollectiveEntry::name, "in results (default: the type)")
          .optional("collective", &CollectiveEntry::collective, "what moves")
          .optional("start", &CollectiveEntry::start,
                    "when it starts; matters where collectives contend")
          .min(0)
          .optional("gpus", &CollectiveEntry::gpus,
                    "GPUs of the cluster that take part, in the order of their ranks (default: "
                    "all)");
  return list;
}

const Parameters<CollectiveScenario>& CollectiveScenario::parameters() {
  static const auto list =
      Parameters<CollectiveScenario>()
          .optional("kind", &CollectiveScenario::kind,
                    "collective: network studies without serving")
          .optional("title", &CollectiveScenario::title, "in results (default: the file's name)")
          .optional("question", &CollectiveScenario::question, "what the study answers")
          .optional("seed", &CollectiveScenario::seed, "of hashes and of random traffic")
          .min(0)
          .required("cluster", &CollectiveScenario::cluster, "nodes and the fabric between them",
                    "{node: hgx-h200, nodes: 2}")
          .required("collectives", &CollectiveScenario::collectives, "what runs, one by one",
                    "[{collective: all-to-all}]")
          .optional("transports", &CollectiveScenario::transports,
                    "ways to choose paths, compared on the same traffic")
          .optional("fidelity", &CollectiveScenario::fidelity,
                    "analytic: every collective alone, time from link loads; aggregate: on "
                    "SimGrid, bytes per link where several meet; pairwise: every flow on its path; "
                    "the last two also over links that fail in mid-run")
          .optional("samples", &CollectiveScenario::samples,
                    "seeds per transport that hashes: results are mean, least and most over them")
          .min(1)
          .max(100000)
          .optional("flow_times", &CollectiveScenario::flow_times,
                    "per-flow times by max-min sharing, of steps of at most 20,000 pieces")
          .optional("wire", &CollectiveScenario::wire, "packets and their headers");
  return list;
}

void CollectiveScenario::check(const Node& at) const {
  if (collectives.empty()) throw InputError(at.where, "a study without collectives");
  if (transports.empty()) throw InputError(at.where, "a study without transports");
  for (const auto& entry : collectives) {
    if (!entry.gpus) continue;
    auto sorted = *entry.gpus;
    std::ranges::sort(sorted);
    for (const auto gpu : sorted)
      if (gpu < 0 || gpu >= cluster.gpus())
        throw InputError(entry.collective.where,
                         fmt::format("GPU {} is outside the cluster, whose {} GPUs are 0 to {}",
                                     gpu, cluster.gpus(), cluster.gpus() - 1));
    if (std::ranges::adjacent_find(sorted) != sorted.end())
      throw InputError(entry.collective.where, "a GPU takes part twice");
  }
  for (const auto& condition : cluster.links)
    if (condition.at > Seconds(0) && fidelity == StudyFidelity::analytic)
      throw InputError(at.where,
                       fmt::format("the link between '{}' and '{}' changes after the start, which "
                                   "fidelity analytic cannot follow: its times have no clock; use "
                                   "fidelity aggregate or pairwise",
                                   condition.from, condition.to));
}

const std::vector<std::string>& names_of(StudyFidelity) {
  static const std::vector<std::string> names = {"analytic", "aggregate", "pairwise"};
  return names;
}

std::string kind_of(const Node& document) {
  static const std::vector<std::string> kinds = {"serving", "collective"};
  const Node* kind = document.find("kind");
  if (kind == nullptr || kind->is_null()) return "serving";
  const auto text = read_text(*kind);
  if (std::ranges::find(kinds, text) == kinds.end())
    throw InputError(kind->where,
                     fmt::format("unknown kind '{}'{}", text, did_you_mean(text, kinds)));
  return text;
}

std::vector<ParameterInfo> collective_scenario_parameters() {
  return CollectiveScenario::parameters().describe();
}

CollectiveScenario read_collective_scenario(const Node& document) {
  return CollectiveScenario::parameters().read(document);
}

std::string transport_label(const Choice<Transport>& transport) {
  const auto& info = slot_catalogue().at("transport").implementations.at(transport.type);
  const Node given = info.resolve(transport.parameters);
  std::string label = transport.type;
  for (const auto& parameter : info.parameters()) {
    const Node* value = given.find(parameter.name);
    if (value == nullptr || parameter.name == "goodput" || !value->is_scalar() ||
        value->text == parameter.default_value.text)
      continue;
    label += fmt::format(", {} {}", parameter.name, value->text);
  }
  return label;
}

}  // namespace moesim
