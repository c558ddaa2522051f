// The two ways a run can fail. InputError: the user's file or command line is wrong; found before
// the run starts, exit code 2, its text opens with file:line:column where there is one.
// SimulationError: the run itself broke a law (deadlock, lost token, time going back), exit code 1.
// A programmer's mistake is an assert, not an exception.
#pragma once

#include <stdexcept>
#include <string>

namespace moesim {

/// A place in an input: file, 1-based line and column. Line 0: the input has no lines (a
/// command-line flag).
struct Location {
  std::string file;
  int line = 0;
  int column = 0;
};

/// "file:line:column", or "file" when there is no line.
std::string to_string(const Location& location);

class InputError : public std::runtime_error {
 public:
  explicit InputError(const std::string& what) : std::runtime_error(what) {}
  InputError(const Location& where, const std::string& what)
      : std::runtime_error(where.file.empty() ? what : to_string(where) + ": " + what),
        placed_(!where.file.empty()) {}
  /// Whether the text opens with a place; one that does not can be thrown again with the place of
  /// its cause.
  bool placed() const { return placed_; }

 private:
  bool placed_ = false;
};

class SimulationError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace moesim
