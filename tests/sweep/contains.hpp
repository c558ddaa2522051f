// Whether a text has a part, said so that a failure shows both.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace moesim::test {

inline ::testing::AssertionResult contains(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "no '" << part << "' in '" << text << "'";
}

}  // namespace moesim::test
