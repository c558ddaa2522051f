// Accuracy of the measured collectives against the tables they come from, on rows that the fits
// have not seen. Three metrics per (device, library, operation, scope): "unseen size" refits
// without every other size; "unseen shape" refits without a fifth of the model shapes, five times;
// "shipped" takes the profile that ships, on the rows it was not fitted to. Errors are
// (predicted - measured) / measured. Not compared: collectives under contention.
#pragma once

#include <string>
#include <vector>

#include "sim/report/ledger.hpp"

namespace moesim {

/// `reference_folder` has comm/*.csv, named DEVICE.LIBRARY-VERSION[.KIND].csv. Tables of other
/// kinds are passed over. Throws InputError when the folder or a table in it cannot be read, or
/// when it holds no table of collectives.
std::vector<LedgerEntry> collective_accuracy(const std::string& reference_folder);

}  // namespace moesim
