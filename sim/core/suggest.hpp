// "did you mean 'x'?": the nearest valid name by edit distance, for every error that names an
// unknown word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moesim {

/// Edit distance with transpositions of neighbours (optimal string alignment), case-insensitive.
int edit_distance(std::string_view a, std::string_view b);

/// "; did you mean 'x'? (valid: a, b, c)", without the question when nothing is near. Empty when
/// `valid` is empty.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& valid);

}  // namespace moesim
