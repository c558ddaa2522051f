// Assertions on error texts that print the text when they fail.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace moesim {

inline ::testing::AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "'" << part << "' is not in: " << text;
}

inline ::testing::AssertionResult begins(const std::string& text, const std::string& start) {
  if (text.starts_with(start)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "does not begin with '" << start << "': " << text;
}

}  // namespace moesim
