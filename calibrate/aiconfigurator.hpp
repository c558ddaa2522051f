// Tables of aiconfigurator's collector (MoE, GEMM, attention and MLA), as CSV, plain or gzip, times
// in milliseconds. Importing cleans what cannot be used and says how many rows and why:
// - MoE rows of SGLang with moe_ep_size > 1: slots of other ranks are computed as expert 0;
// - MoE rows whose autotuner missed a tactic (missed_tactics.hpp);
// - formats and distributions that moesim does not know.
// Throws InputError at file:line:column for a malformed table or an unknown set of columns.
#pragma once

#include "calibrate/samples.hpp"
#include "sim/core/csv.hpp"

namespace moesim {

enum class KernelTable { kExperts, kGemm, kPrefill, kDecode, kPrefillMla, kDecodeMla };

/// Which table it is, by its columns; InputError that lists the known sets when it is none.
KernelTable recognise(const CsvTable& table);

Imported<GemmSample> import_gemm(const CsvTable& table);
Imported<ExpertsSample> import_experts(const CsvTable& table);
/// SGLang's and vLLM's collectors route DeepSeek-V3's shape with its own router, 4 of 8 groups.
bool group_limited(const ExpertsSample& sample);
/// Any of the four attention tables.
Imported<AttentionSample> import_attention(const CsvTable& table, KernelTable kind);

}  // namespace moesim
