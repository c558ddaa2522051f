#include "sim/report/result_figures.hpp"

#include "sim/report/result_json.hpp"
#include "sim/report/saved_result.hpp"

namespace moesim {

std::vector<std::pair<std::string, double>> result_figures(const Result& result) {
  auto figures = parse_result_json(result_json(result), result.title).figures;
  std::erase_if(figures, [](const auto& figure) {
    return figure.first == "wall_s" || figure.first == "peak_rss_bytes";
  });
  figures.emplace_back("gpus", result.gpus);
  return figures;
}

std::vector<std::string> figure_names() {
  Result all;  // one of everything that a run may leave out
  for (auto* d : {&all.ttft_s, &all.tpot_s, &all.itl_s, &all.e2e_s, &all.queue_s}) d->count = 1;
  all.decode_steps = 1;
  all.goodput.emplace();
  all.moe.emplace();
  all.network.emplace();
  all.disaggregation.emplace();
  all.disaggregation->transfer_s.count = all.disaggregation->wait_s.count = 1;
  std::vector<std::string> names;
  for (const auto& [name, value] : result_figures(all)) names.push_back(name);
  return names;
}

}  // namespace moesim
