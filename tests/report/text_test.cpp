#include "sim/report/text.hpp"

#include <gtest/gtest.h>

#include "sim/report/gnuplot.hpp"
#include "sim/report/human.hpp"

namespace moesim {
namespace {

TEST(Text, KeepsValidUtf8AndReplacesWhatIsBroken) {
  EXPECT_EQ(one_line("é 漢 \U0001F600"), "é 漢 \U0001F600");
  EXPECT_EQ(one_line("a\xff"), "a\uFFFD");
  EXPECT_EQ(one_line("\xc0\xaf"), "\uFFFD\uFFFD");            // overlong '/'
  EXPECT_EQ(one_line("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(one_line("\xe6\xbc"), "\uFFFD\uFFFD");            // cut short
}

TEST(Text, TakesControlCharactersOut) {
  EXPECT_EQ(one_line("a\nb\x1b[31mc\x7f"), "a b [31mc ");
  EXPECT_EQ(one_line("a\xc2\x9b"
                     "b\xe2\x80\xa8"),
            "a b ");  // C1 CSI, line separator
  EXPECT_EQ(clean_text("a\n\tb\r"), "a\n\tb ");
}

TEST(Text, EscapesHtml) {
  EXPECT_EQ(html_escape("<a href=\"x\" b='y'>&"),
            "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;");
}

TEST(Text, ShortensByCodePoints) {
  EXPECT_EQ(shorten("ééééé", 5), "ééééé");
  EXPECT_EQ(shorten("éééééé", 5), "éé...");
  EXPECT_EQ(shorten("abc", 2), "..");
  EXPECT_EQ(text_width("é漢a"), 3u);
}

TEST(Text, QuotesForGnuplotWithoutAWayOut) {
  EXPECT_EQ(gnuplot_string("TP8, 50 % (é)"), "\"TP8, 50 % (é)\"");
  EXPECT_EQ(gnuplot_string("'\"`\\@#$\n{"), "\"\\047\\042\\140\\134\\100\\043\\044 \\173\"");
}

TEST(Human, ShowsThreeSignificantDigits) {
  EXPECT_EQ(human_number(0), "0");
  EXPECT_EQ(human_number(1.2345), "1.23");
  EXPECT_EQ(human_number(12.345), "12.3");
  EXPECT_EQ(human_number(123.45), "123");
  EXPECT_EQ(human_number(1234567.8), "1,234,568");
  EXPECT_EQ(human_number(-1234), "-1,234");
  EXPECT_EQ(human_number(0.00123), "0.00123");
  EXPECT_EQ(human_number(0.5), "0.5");
  EXPECT_EQ(human_count(-1234567), "-1,234,567");
  EXPECT_EQ(human_fixed(-0.001, 1), "0.0");
}

TEST(Human, PicksAUnitOfFittingSize) {
  EXPECT_EQ(human_time(0), "0 s");
  EXPECT_EQ(human_time(1.5), "1.50 s");
  EXPECT_EQ(human_time(0.0234), "23.4 ms");
  EXPECT_EQ(human_time(3.2e-6), "3.20 us");
  EXPECT_EQ(human_time(45e-9), "45.0 ns");
  EXPECT_EQ(human_time(0.99996), "1 s");  // not 1,000 ms
  EXPECT_EQ(human_bytes(999.9), "1 kB");
  EXPECT_EQ(human_bytes(3.4e12), "3.40 TB");
  EXPECT_EQ(human_percent(0.1234), "12.3 %");
  EXPECT_EQ(human_percent(1), "100 %");
}

}  // namespace
}  // namespace moesim
