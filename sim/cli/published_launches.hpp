// How the measured disaggregated servers of DeepSeek-R1 were started: the numbers of workers, their
// widths and batch limits, which the table of measurements does not record. Facts of two public
// repositories, read 2026-11-22: InferenceX's .github/configs/nvidia-master.yaml (workers, widths;
// SemiAnalysisAI/InferenceX as of 2026-04 in Qiaolin-Yu/InferenceX@0eb00925, for SGLang on B200 at
// 8192 tokens also as of 2026-02 in az9713/InferenceX@4a98d80b) and the recipes that it names
// (srt-slurm, recipes/: batch limits, token budgets, drafted tokens and the concurrency that really
// ran; qiching/srt-slurm@5063eb43, connorcarpenter15/srt-slurm@5a156f6b).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "sim/cli/serving_measurements.hpp"

namespace moesim {

struct PublishedWorkers {
  std::int64_t workers = 0, gpus = 0;  ///< gpus: of one worker
  std::int64_t expert = 1;             ///< ranks that the experts are spread over
  bool data = false;                   ///< attention data-parallel over the GPUs, else tensor
  std::int64_t seats = 0;              ///< requests of a data rank (max_batch_size); 0: not read
  std::int64_t tokens = 0;             ///< of a step and data rank (max_num_tokens); prefill only
};

struct PublishedLaunch {
  std::int64_t input = 0, output = 0;         ///< stated lengths [tokens]
  std::array<std::int64_t, 8> concurrency{};  ///< that ran; 0: none
  std::int64_t drafted = 0;                   ///< tokens drafted per decode step
  PublishedWorkers prefill, decode;
};

/// Of one GPU, weight format and engine, as the table of measurements names them.
std::span<const PublishedLaunch> published_launches(const std::string& system,
                                                    const std::string& precision,
                                                    const std::string& backend);

/// The launches that a measurement may come from: at most one without and one with drafted tokens.
struct LaunchChoice {
  std::string left_out;  ///< why neither is known
  const PublishedLaunch* plain = nullptr;
  const PublishedLaunch* drafting = nullptr;
};

/// By lengths, concurrency and what is recorded of the workers: their GPUs, and the prefill
/// workers' expert width where that tells launches apart (the table repeats it for the decode
/// workers, and for FP8 on B200 it holds an earlier wrong 8). Recorded numbers of workers and
/// attention widths must agree too.
LaunchChoice published_launch(const ServingMeasurement& point, std::int64_t concurrency);

}  // namespace moesim
