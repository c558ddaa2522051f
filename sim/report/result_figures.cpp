#include "sim/report/result_figures.hpp"

#include "sim/report/result_json.hpp"
#include "sim/report/saved_result.hpp"

namespace moesim {

ResultFigures result_figures(const Result& result) {
  auto figures = parse_result_json(result_json(result), result.title).figures;
  std::erase_if(figures, [](const auto& figure) {
    return figure.first == "wall_s" || figure.first == "peak_rss_bytes";
  });
  figures.emplace_back("gpus", result.gpus);
  return figures;
}

ResultFigures result_figures(const StudyResult& study) {
  const auto& outcome = study.outcomes.front();
  ResultFigures figures = {{"bound_s", outcome.bound_s},
                           {"bytes", outcome.bytes},
                           {"flows", outcome.flows},
                           {"pieces", outcome.pieces},
                           {"ranks", outcome.ranks},
                           {"steps", outcome.steps},
                           {"gpus", study.gpus},
                           {"switches", study.switches},
                           {"oversubscription", study.oversubscription}};
  const auto add = [&](const std::string& name, const Spread& spread) {
    figures.insert(
        figures.end(),
        {{name + ".mean", spread.mean}, {name + ".min", spread.min}, {name + ".max", spread.max}});
  };
  add("completion_s", outcome.completion_s);
  add("busiest_link_s", outcome.link_seconds);
  return figures;
}

namespace {

ResultFigures all_serving_figures() {
  Result all;  // one of everything that a run may leave out
  for (auto* d : {&all.ttft_s, &all.tpot_s, &all.itl_s, &all.e2e_s, &all.queue_s}) d->count = 1;
  all.decode_steps = 1;
  all.goodput.emplace();
  all.moe.emplace();
  all.network.emplace();
  all.disaggregation.emplace();
  all.disaggregation->transfer_s.count = all.disaggregation->wait_s.count = 1;
  return result_figures(all);
}

ResultFigures all_study_figures() {
  StudyResult study;
  study.outcomes.emplace_back();
  return result_figures(study);
}

}  // namespace

std::vector<std::string> figure_names(const Node& scenario) {
  std::vector<std::string> names;
  for (const auto& [name, value] :
       kind_of(scenario) == "collective" ? all_study_figures() : all_serving_figures())
    names.push_back(name);
  return names;
}

}  // namespace moesim
