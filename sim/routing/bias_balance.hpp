// The auxiliary-loss-free balancing rule of DeepSeek-V3 (arXiv 2412.19437 section 2.1.2; analysed
// as ALF-LB, arXiv 2512.03915): an expert's bias is added to its score for the choice only, and
// after every batch moves by gamma towards balance, b += gamma sign(mean load - load). A gap of
// scores closes at gamma per batch from either side.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace moesim {

class BiasBalance {
 public:
  BiasBalance(std::size_t experts, double gamma) : gamma_(gamma), bias_(experts, 0) {}
  std::span<const float> bias() const { return bias_; }
  /// `load` [experts] of a batch.
  void update(std::span<const std::int64_t> load) {
    double mean = 0;
    for (const auto n : load) mean += static_cast<double>(n) / static_cast<double>(load.size());
    for (std::size_t e = 0; e < load.size(); ++e) {
      const double gap = mean - static_cast<double>(load[e]);
      bias_[e] += static_cast<float>(gap > 0 ? gamma_ : gap < 0 ? -gamma_ : 0);
    }
  }

 private:
  double gamma_;
  std::vector<float> bias_;
};

}  // namespace moesim
