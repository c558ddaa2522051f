// The command line that every microbenchmark shares, and its main(): parse, open the table, run,
// turn an exception into one line on stderr. Exit codes: 0 measured, 1 the measurement failed (no
// device, wrong result, no memory), 2 wrong usage. Written by hand because nvcc compiles it too and
// the options are four.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <limits>
#include <stdexcept>
#include <string>

namespace moesim::kernels {

struct Options {
  bool short_mode = false;  ///< two small sizes and few samples: a smoke test, not a calibration
  std::uint64_t seed = 1;   ///< order of the points and contents of the data
  double max_mib = std::numeric_limits<double>::infinity();  ///< largest array [MiB]
  std::string out;                                           ///< file; empty: stdout
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline const char* usage() {
  return " [--short] [--seed N] [--max-mib N] [--out FILE.csv]\n"
         "  --short      two small sizes, few samples: checks that it works, no calibration\n"
         "  --seed N     order of the points and contents of the data (default 1)\n"
         "  --max-mib N  largest array in MiB (default: what fits in memory)\n"
         "  --out FILE   write the table there (default: standard output)\n";
}

inline double positive_number(const std::string& flag, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value > 0))
    throw UsageError(flag + " wants a positive number, not '" + text + "'");
  return value;
}

inline std::uint64_t whole_number(const std::string& flag, const std::string& text) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
    throw UsageError(flag + " wants a whole number, not '" + text + "'");
  return std::strtoull(text.c_str(), nullptr, 10);
}

inline Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const auto value = [&]() -> std::string {
      if (++i >= argc) throw UsageError(flag + " wants a value");
      return argv[i];
    };
    if (flag == "--short") {
      options.short_mode = true;
    } else if (flag == "--seed") {
      options.seed = whole_number(flag, value());
    } else if (flag == "--max-mib") {
      options.max_mib = positive_number(flag, value());
    } else if (flag == "--out") {
      options.out = value();
    } else {
      throw UsageError("unknown option '" + flag + "'");
    }
  }
  return options;
}

/// `run(options, out)` measures and writes its table to `out`.
template <class Run>
int benchmark_main(int argc, char** argv, Run run) {
  if (argc == 2 && (std::string(argv[1]) == "--help" || std::string(argv[1]) == "-h")) {
    std::cout << "usage: " << argv[0] << usage();
    return 0;
  }
  try {
    const Options options = parse_options(argc, argv);
    if (options.out.empty()) {
      run(options, std::cout);
      if (!std::cout) throw std::runtime_error("cannot write to standard output");
      return 0;
    }
    std::ofstream file(options.out);
    if (!file) throw std::runtime_error("cannot write to '" + options.out + "'");
    run(options, file);
    if (!file) throw std::runtime_error("cannot write to '" + options.out + "'");
    return 0;
  } catch (const UsageError& error) {
    std::cerr << argv[0] << ": " << error.what() << "\nusage: " << argv[0] << usage();
    return 2;
  } catch (const std::exception& error) {
    std::cerr << argv[0] << ": " << error.what() << '\n';
    return 1;
  }
}

/// main() of a program whose measurement is `run(device, options, out)` on a Device of its own;
/// `set_up()` comes before the device is made.
template <class Device, class Run, class SetUp>
int benchmark_device(int argc, char** argv, Run run, SetUp set_up) {
  return benchmark_main(argc, argv, [&](const Options& options, std::ostream& out) {
    set_up();
    Device device;
    run(device, options, out);
  });
}
template <class Device, class Run>
int benchmark_device(int argc, char** argv, Run run) {
  return benchmark_device<Device>(argc, argv, run, [] {});
}

}  // namespace moesim::kernels
