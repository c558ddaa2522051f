#include "calibrate/bench_device.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "sim/core/error.hpp"
#include "sim/core/suggest.hpp"

namespace moesim {
namespace {

constexpr std::string_view kVisible = "CUDA_VISIBLE_DEVICES";

bool read_index(std::string_view text, int& index) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  return error == std::errc() && end == text.data() + text.size() && index >= 0;
}

[[noreturn]] void refuse(std::string_view text) {
  // "gpu" is one letter from "cpu" and means the opposite.
  const std::string hint = text.starts_with("gpu") || text.starts_with("GPU")
                               ? "; did you mean 'cuda:0'? (valid: cpu, cuda:0, cuda:1, ...)"
                               : did_you_mean(text, {"cpu", "cuda:0", "cuda:1"});
  throw InputError(fmt::format("--device: unknown device '{}'{}", text, hint));
}

/// The index-th entry of CUDA_VISIBLE_DEVICES where that is set.
std::string visible_device(int index) {
  const char* given = std::getenv(kVisible.data());
  if (given == nullptr) return std::to_string(index);
  std::vector<std::string_view> entries;
  const std::string_view text = given;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find(',', start), text.size());
    entries.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  if (static_cast<std::size_t>(index) >= entries.size())
    throw InputError(fmt::format("--device: cuda:{} is not visible: {}={} names {} {}", index,
                                 kVisible, text, entries.size(),
                                 entries.size() == 1 ? "device" : "devices"));
  return std::string(entries[static_cast<std::size_t>(index)]);
}

}  // namespace

std::string BenchDevice::text() const {
  return kind == Kind::kCpu ? "cpu" : fmt::format("cuda:{}", index);
}

BenchDevice parse_bench_device(std::string_view text) {
  constexpr std::string_view cuda = "cuda";
  if (text == "cpu") return {};
  BenchDevice device{BenchDevice::Kind::kCuda, 0};
  if (text == cuda) return device;
  if (!text.starts_with("cuda:") || !read_index(text.substr(cuda.size() + 1), device.index))
    refuse(text);
  return device;
}

std::vector<std::string> bench_environment(const BenchDevice& device, bool every_device) {
  std::vector<std::string> all;
  const bool choose = device.kind == BenchDevice::Kind::kCuda && !every_device;
  const auto prefix = fmt::format("{}=", kVisible);
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!choose || !std::string_view(*entry).starts_with(prefix)) all.emplace_back(*entry);
  if (choose) all.push_back(prefix + visible_device(device.index));
  return all;
}

}  // namespace moesim
