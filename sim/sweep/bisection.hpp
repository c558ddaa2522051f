// The largest load that still meets a limit, by bracketing and bisection: doubles or halves from a
// first guess until one load meets and one misses, then halves the bracket in the logarithm.
// Assumes that what meets at some load meets at every smaller one; runs that share their random
// numbers come close to it.
#pragma once

#include <optional>

namespace moesim {

class Bisection {
 public:
  struct Options {
    double first = 1;
    double precision = 0.02;  ///< relative width of the bracket at the end
    bool whole = false;       ///< loads are whole numbers; the bracket ends at neighbours
  };
  explicit Bisection(const Options& options) : options_(options) {}

  /// The load to try next; nothing when it is over.
  std::optional<double> next() const;
  void tell(double load, bool meets);
  /// The largest load that met; nothing when none did.
  std::optional<double> best() const { return meets_; }
  /// The smallest that missed.
  std::optional<double> worst() const { return misses_; }

 private:
  /// Loads of more than a millionth of, or a million times, the guess are not tried.
  static constexpr double kFarthest = 1e6;

  Options options_;
  std::optional<double> meets_, misses_;
};

}  // namespace moesim
