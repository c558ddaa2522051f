// Values and parameter lists: every type read, refused, written back and described.
#include "sim/core/parameters.hpp"

#include <gtest/gtest.h>

#include "tests/core/error_text.hpp"

namespace moesim {
namespace {

using testing::error_text;

enum class Mode { kFast, kSlow };
const std::vector<std::string>& names_of(Mode) {
  static const std::vector<std::string> names = {"fast", "slow"};
  return names;
}

struct Inner {
  double share = 0.5;
  static const Parameters<Inner>& parameters() {
    static const auto list =
        Parameters<Inner>().optional("share", &Inner::share, "a share").above(0).max(1);
    return list;
  }
};

struct Config {
  std::string name;
  bool flag = true;
  std::int64_t count = 3;
  double factor = 1.5;
  BytesPerSecond bandwidth{900e9};
  Mode mode = Mode::kFast;
  std::vector<std::int64_t> sizes = {1, 2};
  std::optional<Seconds> limit;
  Inner inner;
  static const Parameters<Config>& parameters() {
    static const auto list = Parameters<Config>()
                                 .required("name", &Config::name, "what it is called", "olmoe")
                                 .optional("flag", &Config::flag, "on or off")
                                 .optional("count", &Config::count, "how many")
                                 .min(1)
                                 .max(10)
                                 .optional("factor", &Config::factor, "a factor")
                                 .optional("bandwidth", &Config::bandwidth, "a bandwidth")
                                 .above(0)
                                 .optional("mode", &Config::mode, "which way")
                                 .optional("sizes", &Config::sizes, "some sizes")
                                 .min(0)
                                 .optional("limit", &Config::limit, "a limit")
                                 .optional("inner", &Config::inner, "a section");
    return list;
  }
  void check(const Node& at) const {
    if (count > 5 && mode == Mode::kSlow) throw InputError(at.where, "slow counts end at 5");
  }
};

Config read(const std::string& text) {
  return Config::parameters().read(parse_yaml(text, "f.yaml"));
}
std::string refusal(const std::string& text) {
  return error_text([&] { read(text); });
}

TEST(Parameters, ReadEveryType) {
  const auto config = read(
      "{name: 010, flag: false, count: 4, factor: -2e3, bandwidth: 400 Gbit/s, mode: slow, "
      "sizes: [4, 5, 6], limit: 20 ms, inner: {share: 1}}");
  EXPECT_EQ(config.name, "010");
  EXPECT_FALSE(config.flag);
  EXPECT_EQ(config.count, 4);
  EXPECT_EQ(config.factor, -2000);
  EXPECT_EQ(config.bandwidth.value, 50e9);
  EXPECT_EQ(config.mode, Mode::kSlow);
  EXPECT_EQ(config.sizes, (std::vector<std::int64_t>{4, 5, 6}));
  EXPECT_EQ(config.limit->value, 0.02);
  EXPECT_EQ(config.inner.share, 1);
}

TEST(Parameters, KeepTheDefaultsOfTheConfig) {
  for (const char* text : {"{name: x}", "{name: x, count: , sizes: ~, inner: null}"}) {
    const auto config = read(text);
    EXPECT_EQ(config.count, 3);
    EXPECT_EQ(config.sizes, (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(config.inner.share, 0.5);
    EXPECT_FALSE(config.limit);
  }
}

TEST(Parameters, RefuseTheWrongTypeAtItsPlace) {
  EXPECT_EQ(refusal("name: x\ncount: ten\n"), "f.yaml:2:8: expected a whole number, found 'ten'");
  EXPECT_EQ(refusal("name: x\ncount: 1.5\n"), "f.yaml:2:8: expected a whole number, found '1.5'");
  EXPECT_EQ(refusal("name: x\ncount: \"5\"\n"),
            "f.yaml:2:8: expected a whole number, found the quoted text \"5\"");
  EXPECT_EQ(refusal("name: x\ncount: 99999999999999999999\n"),
            "f.yaml:2:8: 99999999999999999999 is out of range");
  EXPECT_EQ(refusal("name: x\nflag: yes\n"), "f.yaml:2:7: expected true or false, found 'yes'");
  EXPECT_EQ(refusal("name: x\nfactor: [1]\n"), "f.yaml:2:9: expected a number, found a list");
  EXPECT_EQ(refusal("name: x\nsizes: 4\n"), "f.yaml:2:8: expected a list, found '4'");
  EXPECT_EQ(refusal("name: x\nsizes: [4, x]\n"), "f.yaml:2:12: expected a whole number, found 'x'");
  EXPECT_EQ(refusal("name: [x]\n"), "f.yaml:1:7: expected text, found a list");
  EXPECT_EQ(refusal("name: x\ninner: 3\n"),
            "f.yaml:2:8: expected a mapping (key: value), found '3'");
  EXPECT_EQ(refusal("- x\n"), "f.yaml:1:1: expected a mapping (key: value), found a list");
  EXPECT_EQ(refusal("name: x\nlimit: {a: 1}\n"),
            "f.yaml:2:8: expected a time with its unit, like '3.2 us', found a mapping");
}

TEST(Parameters, ReadLeadingZerosAsDecimalNotOctal) {
  EXPECT_EQ(read("{name: x, count: 010}").count, 10);
}

TEST(Parameters, RefuseNumbersThatAreNone) {
  for (const char* value : {"nan", "inf", "-inf", "1e999", "0x10", "1_000", "1,5", "''"})
    EXPECT_NE(refusal(std::string("name: x\nfactor: ") + value + "\n"), "") << value;
}

TEST(Parameters, RefuseWhatIsOutOfBounds) {
  EXPECT_EQ(refusal("name: x\ncount: 0\n"), "f.yaml:2:8: count must be at least 1, found 0");
  EXPECT_EQ(refusal("name: x\ncount: 11\n"), "f.yaml:2:8: count must be at most 10, found 11");
  EXPECT_EQ(refusal("name: x\nbandwidth: 0 B/s\n"),
            "f.yaml:2:12: bandwidth must be above 0 B/s, found 0 B/s");
  EXPECT_EQ(refusal("name: x\nsizes: [1, -1]\n"),
            "f.yaml:2:12: sizes must be at least 0, found -1");
  EXPECT_EQ(refusal("name: x\ninner: {share: 0}\n"), "f.yaml:2:16: share must be above 0, found 0");
}

TEST(Parameters, RefuseUnknownKeysWithTheNearestOne) {
  EXPECT_EQ(
      refusal("name: x\nfactr: 3\n"),
      "f.yaml:2:1: unknown key 'factr'; did you mean 'factor'? (valid: name, flag, count, factor, "
      "bandwidth, mode, sizes, limit, inner)");
}

TEST(Parameters, ShowAnExampleOfWhatIsMissing) {
  EXPECT_EQ(refusal("count: 3\n"),
            "f.yaml:1:1: missing parameter 'name': what it is called (for example: name: olmoe)");
  EXPECT_NE(refusal("name:\n"), "");
}

TEST(Parameters, OfferTheValidChoices) {
  EXPECT_EQ(refusal("name: x\nmode: fats\n"),
            "f.yaml:2:7: unknown value 'fats'; did you mean 'fast'? (valid: fast, slow)");
}

TEST(Parameters, RunTheRulesOverSeveral) {
  EXPECT_EQ(refusal("{name: x, count: 6, mode: slow}"), "f.yaml:1:1: slow counts end at 5");
  EXPECT_EQ(refusal("{name: x, count: 6, mode: fast}"), "");
}

TEST(Parameters, ReadBackWhatTheyWrite) {
  const auto config = read(
      "{name: ' 12', bandwidth: 123.456 MB/s, factor: 0.1, limit: 1 us, mode: slow, sizes: []}");
  const auto text = to_yaml(Config::parameters().write(config));
  const auto again = read(text);
  EXPECT_EQ(again.name, " 12");
  EXPECT_EQ(again.bandwidth.value, config.bandwidth.value);
  EXPECT_EQ(again.factor, 0.1);
  EXPECT_EQ(again.limit, config.limit);
  EXPECT_EQ(again.mode, Mode::kSlow);
  EXPECT_TRUE(again.sizes.empty());
  EXPECT_EQ(to_yaml(Config::parameters().write(again)), text);
}

TEST(Parameters, DescribeThemselves) {
  const auto infos = Config::parameters().describe();
  ASSERT_EQ(infos.size(), 9u);
  EXPECT_TRUE(infos[0].required);
  EXPECT_EQ(infos[0].example, "olmoe");
  EXPECT_EQ(infos[1].type, "bool");
  EXPECT_EQ(infos[2].type, "integer");
  EXPECT_EQ(infos[2].minimum, 1);
  EXPECT_EQ(infos[2].maximum, 10);
  EXPECT_EQ(infos[4].dimension, Dimension::kBandwidth);
  EXPECT_EQ(infos[4].default_value.text, "900 GB/s");
  EXPECT_TRUE(infos[4].minimum_excluded);
  EXPECT_EQ(infos[5].choices, (std::vector<std::string>{"fast", "slow"}));
  EXPECT_TRUE(infos[6].list);
  EXPECT_TRUE(infos[7].nullable);
  ASSERT_EQ(infos[8].children.size(), 1u);
  EXPECT_EQ(infos[8].children[0].name, "share");
}

TEST(Parameters, GiveAnExampleThatTheyAccept) {
  const auto config = Config::parameters().read(Config::parameters().example());
  EXPECT_EQ(config.name, "olmoe");
}

}  // namespace
}  // namespace moesim
