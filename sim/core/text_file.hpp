// Whole text files, plain or gzip-compressed (recognised by content): the one way the project reads
// a file.
#pragma once

#include <string>

namespace moesim {

/// The content. Throws InputError "PATH: cannot read: reason" for a missing or unreadable file, a
/// directory, or a broken gzip stream. `limit` bounds the decompressed size [bytes].
std::string read_text_file(const std::string& path, std::size_t limit = std::size_t{4} << 30);

}  // namespace moesim
