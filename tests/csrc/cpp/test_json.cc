#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "io/json.h"

using mime_fast::JsonError;
using mime_fast::JsonLimits;
using mime_fast::JsonValue;
using mime_fast::parse_json;

namespace {

struct BadText {
  std::string text;
  std::string fragment;
};

std::string repeat(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

std::string in_quotes(const std::string& text) { return '"' + text + '"'; }

void reads_every_kind() {
  const JsonValue value =
      parse_json(" {\"b\" : [1, -2.5e1, true, false, null, \"x\"],\r\n\t\"a\": {}, \"\": []} ");
  CHECK(value.object().size() == 3);
  CHECK(value.object()[0].key.empty() && value.object()[1].key == "a");  // sorted
  const JsonValue::Array& list = value.find("b")->array();
  CHECK(list.size() == 6);
  CHECK(list[0].integer() == 1 && list[0].number() == 1.0);
  CHECK(list[1].number() == -25.0);
  CHECK(list[2].boolean() && !list[3].boolean());
  CHECK(list[4].is_null() && !list[3].is_null());
  CHECK(list[5].string() == "x");
  CHECK(list[1].offset() == 12);
  CHECK(value.find("a")->object().empty() && value.find("")->array().empty());
  CHECK(value.find("c") == nullptr);
}

void keeps_numbers_exactly() {
  CHECK(parse_json("9223372036854775807").integer() == std::numeric_limits<std::int64_t>::max());
  CHECK(parse_json("-9223372036854775808").integer() == std::numeric_limits<std::int64_t>::min());
  CHECK(parse_json("9007199254740993").integer() == 9007199254740993);  // no double
  CHECK(parse_json("0").integer() == 0 && parse_json("-0").integer() == 0);
  CHECK(parse_json("9223372036854775808").number() == 9223372036854775808.0);
  CHECK(parse_json("1.7976931348623157e308").number() == std::numeric_limits<double>::max());
  CHECK(parse_json("1E-3").number() == 0.001 && parse_json("1e+3").number() == 1000.0);
  CHECK(std::signbit(parse_json("-0.0").number()));
  for (const char* text : {"-9223372036854775809", "1.0", "1e3", "18446744073709551616"}) {
    CHECK_THROWS(JsonError, "expected an integer of 64 bits, got another number at byte 0",
                 parse_json(text).integer());
    CHECK_THROWS(JsonError, "expected an integer in [0, 2^64), got another number at byte 0",
                 parse_json(text).unsigned_integer());
  }
}

void keeps_unsigned_numbers_exactly() {
  const std::uint64_t half = std::uint64_t{1} << 63;
  CHECK(parse_json("0").unsigned_integer() == 0 && parse_json("-0").unsigned_integer() == 0);
  CHECK(parse_json("9223372036854775807").unsigned_integer() == half - 1);
  CHECK(parse_json("9223372036854775808").unsigned_integer() == half);
  CHECK(parse_json("18446744073709551615").unsigned_integer() == half - 1 + half);
  CHECK(parse_json("18446744073709551615").number() == 18446744073709551616.0);
  CHECK_THROWS(JsonError, "expected an integer of 64 bits, got an integer of 2^63 or more",
               parse_json("9223372036854775808").integer());
  CHECK_THROWS(JsonError, "expected an integer of at least 0 at byte 0",
               parse_json("-1").unsigned_integer());
}

void decodes_strings() {
  CHECK(parse_json(R"("\"\\\/\b\f\n\r\t")").string() == "\"\\/\b\f\n\r\t");
  CHECK(parse_json(R"("\u0041\u00e9\u20AC\uD83D\uDE00")").string() == "A\u00e9\u20ac\U0001F600");
  CHECK(parse_json(R"("\u0000")").string() == std::string(1, '\0'));
  CHECK(parse_json(R"("\uDBFF\uDFFF\u007f\u0080\u07ff\u0800\uffff")").string() ==
        "\xF4\x8F\xBF\xBF\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF");
  const std::string limits =
      "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80"
      "\xF4\x8F\xBF\xBF";
  CHECK(parse_json(in_quotes(limits)).string() == limits);
}

void refuses_bad_text() {
  const std::vector<BadText> cases = {
      {"", "expected a value, got the end of the text at byte 0"},
      {"  ", "got the end of the text at byte 2"},
      {"\xEF\xBB\xBF{}", "expected a value at byte 0"},
      {"{} {}", "expected the end of the text, got \"{\" at byte 3"},
      {std::string("1\0", 2), "expected the end of the text, got \"\\x00\" at byte 1"},
      {"[1,]", "expected a value at byte 3"},
      {"[,1]", "expected a value at byte 1"},
      {"[1 2]", "expected ',' or ']' at byte 3"},
      {"[1", "expected ',' or ']' at byte 2"},
      {"[1}", "expected ',' or ']' at byte 2"},
      {"[", "got the end of the text at byte 1"},
      {"]", "expected a value at byte 0"},
      {"{", "expected a key in quotes at byte 1"},
      {"{1:2}", "expected a key in quotes at byte 1"},
      {"{\"a\":1,}", "expected a key in quotes at byte 7"},
      {"{\"a\"}", "expected ':' after the key \"a\" at byte 4"},
      {"{\"a\":}", "expected a value at byte 5"},
      {"{\"a\":1", "expected ',' or '}' at byte 6"},
      {"{\"a\":1 \"b\":2}", "expected ',' or '}' at byte 7"},
      {"{\"a\":1,\"b\":2,\"a\":3}", "second value of the key \"a\" at byte 17"},
      {"{\"a\":1,\"\\u0061\":2}", "second value of the key \"a\""},
      {"[{\"\":1,\"\":2}]", "second value of the key \"\""},
      {"tru", "expected true at byte 0"},
      {"falsy", "expected false at byte 0"},
      {"nul", "expected null at byte 0"},
      {"True", "expected a value at byte 0"},
      {"NaN", "expected a value"},
      {"Infinity", "expected a value"},
      {"'a'", "expected a value"},
      {"// a\n1", "expected a value"},
      {"01", "expected the end of the text, got \"1\" at byte 1"},
      {"-", "expected a value at byte 0"},
      {"+1", "expected a value at byte 0"},
      {".5", "expected a value at byte 0"},
      {"-.5", "expected a value at byte 0"},
      {"1.", "expected a digit behind the decimal point at byte 2"},
      {"1.e5", "expected a digit behind the decimal point at byte 2"},
      {"1e", "expected a digit in the exponent at byte 2"},
      {"1e+-1", "expected a digit in the exponent at byte 3"},
      {"0x10", "expected the end of the text, got \"x\" at byte 1"},
      {"1_0", "expected the end of the text"},
      {"1e999", "a number out of a double's range: \"1e999\" at byte 0"},
      {"[-1e999]", "a number out of a double's range: \"-1e999\" at byte 1"},
      {"1" + repeat("0", 400), "a number out of a double's range"},
      {"\"", "a string without end at byte 1"},
      {"\"a", "a string without end at byte 2"},
      {"\"\\", "an unknown escape in a string at byte 2"},
      {"\"\\x\"", "an unknown escape in a string at byte 2"},
      {"\"\\U0041\"", "an unknown escape in a string"},
      {"\"\\u004\"", "expected four hexadecimal digits at byte 3"},
      {"\"\\u004", "expected four hexadecimal digits at byte 3"},
      {"\"\\u-041\"", "expected four hexadecimal digits"},
      {"\"\\u00g0\"", "expected four hexadecimal digits"},
      {"\"\\u 041\"", "expected four hexadecimal digits"},
      {"\"\\uD800\"", "half of a surrogate pair"},
      {"\"\\uD800x\"", "half of a surrogate pair"},
      {"\"\\uD800\\n\"", "half of a surrogate pair"},
      {"\"\\uD800\\u0041\"", "half of a surrogate pair"},
      {"\"\\uD800\\uD800\"", "half of a surrogate pair"},
      {"\"\\uDC00\\uD800\"", "half of a surrogate pair"},
      {"\"\\uD800\\u\"", "expected four hexadecimal digits"},
      {"\"a\nb\"", "a control character in a string, which must be escaped, at byte 2"},
      {std::string("\"\0\"", 3), "a control character in a string"},
      {"\"\x1F\"", "a control character in a string"},
  };
  for (const BadText& bad : cases) CHECK_THROWS(JsonError, bad.fragment, parse_json(bad.text));
}

void refuses_bad_utf8() {
  const std::vector<std::string> cases = {
      "\x80",              // continuation without a lead
      "\xC2",              // cut short
      "\xC0\x80",          // overlong NUL
      "\xC1\xBF",          // overlong
      "\xE0\x9F\xBF",      // overlong
      "\xE2\x82",          // cut short
      "\xE2\x28\xA1",      // bad second byte
      "\xE2\x82\x28",      // bad third byte
      "\xED\xA0\x80",      // surrogate
      "\xED\xBF\xBF",      // surrogate
      "\xF0\x8F\xBF\xBF",  // overlong
      "\xF0\x9F\x98",      // cut short
      "\xF4\x90\x80\x80",  // above U+10FFFF
      "\xF5\x80\x80\x80",
      "\xFE",
      "\xFF",
  };
  for (const std::string& bytes : cases) {
    CHECK_THROWS(JsonError, "bytes that are not UTF-8 at byte 2",
                 parse_json(in_quotes("a" + bytes)));
    CHECK_THROWS(JsonError, "bytes that are not UTF-8", parse_json("{" + in_quotes(bytes) + ":1}"));
    CHECK_THROWS(JsonError, "bytes that are not UTF-8 at byte 1", parse_json("\"" + bytes));
  }
}

void names_the_kind_that_it_got() {
  CHECK_THROWS(JsonError, "expected a string, got null at byte 1", parse_json(" null").string());
  CHECK_THROWS(JsonError, "expected true or false, got a string", parse_json("\"\"").boolean());
  CHECK_THROWS(JsonError, "expected a number, got an array", parse_json("[]").number());
  CHECK_THROWS(JsonError, "expected an array, got an object", parse_json("{}").array());
  CHECK_THROWS(JsonError, "expected an object, got an integer", parse_json("1").object());
  CHECK_THROWS(JsonError, "expected an object, got true or false", parse_json("true").find("a"));
}

void bounds_depth_and_values() {
  CHECK(parse_json(repeat("[", 64) + repeat("]", 64)).array().size() == 1);
  CHECK_THROWS(JsonError, "nested deeper than 64 at byte 64",
               parse_json(repeat("[", 65) + repeat("]", 65)));
  CHECK_THROWS(JsonError, "nested deeper than 64", parse_json(repeat("[", 1000000)));
  CHECK_THROWS(JsonError, "nested deeper than 64", parse_json(repeat("{\"a\":", 1000000)));
  CHECK_THROWS(JsonError, "nested deeper than 2", parse_json("[[[", JsonLimits{2, 100}));
  CHECK(parse_json("[[],[],{}]", JsonLimits{2, 4}).array().size() == 3);  // depth goes down again
  CHECK_THROWS(JsonError, "more than 3 values at byte 5", parse_json("[1,2,3]", JsonLimits{64, 3}));
  CHECK_THROWS(JsonError, "more than 1048576 values",
               parse_json("[" + repeat("0,", 2000000) + "0]"));
}

// Each of these takes minutes where the reader is quadratic.
void reads_hostile_text_in_linear_time() {
  const auto start = std::chrono::steady_clock::now();
  std::string keys = "{";
  for (int i = 0; i < 200000; ++i) keys += in_quotes(std::to_string(i)) + ":0,";
  CHECK(parse_json(keys + "\"\":0}").object().size() == 200001);
  CHECK(parse_json(in_quotes(repeat("\\n", 2000000))).string().size() == 2000000);
  CHECK(parse_json(repeat(" ", 2000000) + "1").integer() == 1);
  CHECK(parse_json("0." + repeat("3", 2000000)).number() > 0.3);
  CHECK_THROWS(JsonError, "range", parse_json(repeat("3", 2000000)));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

void quotes_for_messages() {
  using mime_fast::quoted;
  CHECK(quoted("a.b") == "\"a.b\"");
  CHECK(quoted("\"\\\n\x1B\x7F\xC3\xA9") == R"("\"\\\x0a\x1b\x7f\xc3\xa9")");
  CHECK(quoted(repeat("x", 80)) == in_quotes(repeat("x", 80)));
  CHECK(quoted(repeat("x", 81)) == in_quotes(repeat("x", 80) + "..."));
}

}  // namespace

int main() {
  reads_every_kind();
  keeps_numbers_exactly();
  keeps_unsigned_numbers_exactly();
  decodes_strings();
  refuses_bad_text();
  refuses_bad_utf8();
  names_the_kind_that_it_got();
  bounds_depth_and_values();
  reads_hostile_text_in_linear_time();
  quotes_for_messages();
  return mime_fast::test::status();
}
