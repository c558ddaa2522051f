// The measured collectives of a device at the service of the executor: how long a collective takes
// that has its links to itself, for groups inside one node that the profiles cover. Built once per
// run from the profiles that ship (models/cost/collectives). Where several libraries measured an
// operation, the first of TensorRT-LLM, NCCL and DeepEP that knows it for this number of ranks
// speaks. Not modelled: groups over several nodes, whose fabric is not the tables'.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/cost/collective_profile.hpp"
#include "sim/transport/collectives.hpp"

namespace moesim {

class MeasuredCollectives {
 public:
  /// `device` is a name of the device catalogue; without profiles nothing is measured.
  explicit MeasuredCollectives(const std::string& device);

  /// Time of `operation` (as tables name it: "all_reduce", "low-latency dispatch") when the busiest
  /// rank sends or receives `bytes` and holds `tokens`; nothing when no profile covers the group.
  std::optional<Prediction> time(std::string_view operation, const Group& group, double bytes,
                                 double tokens = 0, const TokenShape& shape = {}) const;

 private:
  std::optional<Prediction> look_up(std::string_view operation, int ranks, double bytes,
                                    double tokens, const TokenShape& shape) const;

  /// The layers of a step ask the same again; not for several threads.
  struct Asked {
    std::string operation;
    int ranks = 0;
    double bytes = 0, tokens = 0;
    TokenShape shape;
    std::optional<Prediction> answer;
  };
  mutable std::array<Asked, 4> asked_;
  mutable std::size_t oldest_ = 0;
  std::int64_t sms_ = 0;
  std::vector<std::shared_ptr<const CollectiveProfile>> profiles_;
};

}  // namespace moesim
