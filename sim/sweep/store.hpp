// What a sweep has found, in one SQLite file: its definition, its points, and one row per finished
// run, each written in a transaction of its own. A kill at any moment loses at most the runs that
// had not ended; the file always opens. Rows are keyed by point_key(), so they stay valid when the
// axes change. One process writes at a time: a second one is refused, not blocked.
//
//   definition(key, value)      the sweep file as YAML, how many shards, the program's version
//   points(number, key, label)  of the definition; its runs are those of `results` with that key
//   results(key, state, error, figures, wall_s, start)   figures: JSON, name -> number
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace moesim {

using Figures = std::vector<std::pair<std::string, double>>;

/// As JSON, names in order; read back to the same bits.
std::string pack_figures(const Figures& figures);
Figures unpack_figures(const std::string& text);

struct StoredResult {
  /// done; refused: the scenario contradicts itself; failed: the simulation broke; died: its
  /// process was killed. The first three would end the same way again, and are not run again.
  enum class State { kDone, kRefused, kFailed, kDied };

  std::string key;
  State state = State::kDone;
  std::string error;  ///< unless done
  Figures figures;    ///< when done
  double wall_s = 0;
  std::int64_t start = 0;  ///< which start of the sweep ran it, from 1
};
const std::string& name_of(StoredResult::State state);

struct StoredPoint {
  std::string key;    ///< empty: the scenario of this point cannot be read
  std::string label;  ///< its axis values
  std::string error;  ///< why it cannot be read
  bool operator==(const StoredPoint&) const = default;
};

class SweepStore {
 public:
  /// Opens or creates. Throws InputError with the path: in use by another process, not a sweep
  /// store, of another version, not writable.
  explicit SweepStore(const std::string& path);
  /// Opens an existing file to read it, whoever else writes it.
  static SweepStore read(const std::string& path);
  ~SweepStore();
  SweepStore(SweepStore&&) noexcept;

  /// Replaces definition and points; results stay. Counts a start.
  void define(const std::string& definition, std::span<const StoredPoint> points);
  std::string definition() const;
  std::vector<StoredPoint> points() const;

  std::map<std::string, StoredResult> results() const;
  /// Writes one result for good before it returns; replaces an earlier one of the same key.
  /// `start` is filled in. Throws SimulationError with the path: disk full, input/output error.
  void record(const StoredResult& result);
  /// Many results, kept as they are, in one transaction.
  void copy(std::span<const StoredResult> results);

  /// For tests: no more than this many pages of 4 KiB.
  void limit_pages(int pages);

 private:
  struct Database;
  SweepStore();
  std::unique_ptr<Database> database_;
};

}  // namespace moesim
