// Files that a run leaves behind. Written whole or not at all: to a temporary file beside the
// target, then renamed, so that nobody ever reads half a result. check_writable() is called before
// the run, so that no long run is lost to a mistyped path. Devices and pipes (/dev/stdout) are
// written in place. Does not know "-"; that is the command line's.
#pragma once

#include <string>
#include <string_view>

namespace moesim {

/// Throws InputError "PATH: cannot write: reason" when write_output_file(path) would fail now;
/// leaves nothing behind.
void check_writable(const std::string& path);

/// Creates the directory (and its parents) if it is missing; throws like check_writable when no
/// file can be made in it.
void prepare_output_directory(const std::string& path);

/// Replaces the file by `content` atomically. Throws InputError "PATH: cannot write: reason"; the
/// old file then stays.
void write_output_file(const std::string& path, std::string_view content);

}  // namespace moesim
