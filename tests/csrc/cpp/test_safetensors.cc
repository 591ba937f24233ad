#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "files.h"
#include "io/checkpoint_error.h"

using mime_fast::CheckpointError;
using mime_fast::Dtype;
using mime_fast::SafeTensors;
using mime_fast::TensorView;
using mime_fast::test::entry;
using mime_fast::test::length_of;
using mime_fast::test::make_file;
using mime_fast::test::parse;

namespace {

struct BadFile {
  std::string bytes;
  std::string fragment;
};

std::string header(const std::string& members) { return "{" + members + "}"; }

void reads_tensors() {
  const std::string file = make_file(
      header(R"("__metadata__":{"format":"pt","x":""},)" + entry("b", "F16", "[2,1]", "[4,8]") +
             "," + entry("a", "F32", "[]", "[0,4]") + "," + entry("c", "U8", "[3]", "[8,11]")) +
          "   ",
      "0123456789a");
  const SafeTensors tensors = parse(file);
  CHECK((tensors.names() == std::vector<std::string>{"a", "b", "c"}));
  CHECK(tensors.contains("a") && !tensors.contains("__metadata__") && !tensors.contains(""));
  const TensorView& b = tensors.at("b");
  CHECK(b.dtype == Dtype::kF16 && b.bytes == 4 && b.size() == 2);
  CHECK((b.shape == std::vector<std::int64_t>{2, 1}));
  CHECK(static_cast<char>(b.data[0]) == '4' && static_cast<char>(b.data[3]) == '7');
  CHECK(tensors.at("a").shape.empty() && tensors.at("a").size() == 1);
  CHECK_THROWS(CheckpointError, "m: lacks the tensor \"d\"; take", tensors.at("d"));
}

void reads_what_is_unusual_but_right() {
  CHECK(parse(make_file("{}")).names().empty());
  CHECK(parse(make_file("{\"__metadata__\":{}}")).names().empty());
  const std::string empties =
      entry("z", "F32", "[0]", "[0,0]") + "," + entry("a", "U8", "[4]", "[0,4]") + "," +
      entry("b", "I64", "[7,0]", "[4,4]") + "," + entry("\\u00e9", "U8", "[2]", "[4,6]");
  const SafeTensors tensors = parse(make_file(header(empties), "012345"));
  CHECK(tensors.at("z").bytes == 0 && tensors.at("b").bytes == 0 && tensors.contains("\u00e9"));
}

void knows_the_types() {
  const std::vector<std::pair<std::string, int>> types = {
      {"BOOL", 1},    {"U8", 1},          {"I8", 1},          {"F8_E5M2", 1}, {"F8_E4M3", 1},
      {"F8_E8M0", 1}, {"F8_E5M2FNUZ", 1}, {"F8_E4M3FNUZ", 1}, {"I16", 2},     {"U16", 2},
      {"F16", 2},     {"BF16", 2},        {"I32", 4},         {"U32", 4},     {"F32", 4},
      {"C64", 8},     {"F64", 8},         {"I64", 8},         {"U64", 8}};
  for (const auto& [name, bytes] : types) {
    const std::string size = std::to_string(bytes);
    const std::string file = make_file(header(entry("a", name, "[1]", "[0," + size + "]")),
                                       std::string(static_cast<std::size_t>(bytes), 'x'));
    CHECK(mime_fast::dtype_name(parse(file).at("a").dtype) == name);
  }
  CHECK(mime_fast::dtype_bytes(Dtype::kU64) == 8 && mime_fast::dtype_bytes(Dtype::kF8E8M0) == 1);
}

// Bad before the header's JSON is looked at, or while it is.
std::vector<BadFile> bad_headers() {
  return {
      {"", "has 0 bytes, too few for a header's length"},
      {"1234567", "has 7 bytes, too few for a header's length"},
      {length_of(0), "its header is not valid JSON: expected '{' at byte 0"},
      {length_of(2) + "{", "claims a header of 2 bytes in a file of 9 bytes"},
      {length_of(100000000) + "{}", "claims a header of 100000000 bytes in a file of 10 bytes"},
      {length_of(100000001) + "{}", "claims a header of 100000001 bytes, above the limit"},
      {length_of(std::uint64_t{1} << 63) + "{}", "claims a header of 9223372036854775808 bytes"},
      {length_of(~std::uint64_t{0}) + "{}", "claims a header of 18446744073709551615 bytes"},
      {length_of(~std::uint64_t{0} - 7) + "{}", "claims a header of 18446744073709551608 bytes"},
      {make_file(" {}"), "expected '{' at byte 0 of the header"},
      {make_file("[]"), "expected '{' at byte 0"},
      {make_file("null"), "expected '{' at byte 0"},
      {make_file("{} x"), "expected the end of the text, got \"x\" at byte 3"},
      {make_file(std::string("{}\0", 3)), "expected the end of the text"},
      {make_file("{\"a\":"), "expected a value, got the end of the text"},
      {make_file("{\"\xFF\":{}}"), "bytes that are not UTF-8 at byte 2 of the header"},
      {make_file("{\"a\":" + std::string(100000, '[')), "nested deeper than 64"},
      {length_of(1) + "{}", "expected a key in quotes at byte 1"},  // the end is not read over
  };
}

// Good JSON, but an entry that is none.
std::vector<BadFile> bad_entries() {
  const auto one = [](const std::string& shape, const std::string& offsets) {
    return make_file(header(entry("a", "F32", shape, offsets)), "01234567");
  };
  const auto raw = [](const std::string& value) {
    return make_file("{\"a\":" + value + "}", "01");
  };
  const std::string again = entry("a", "U8", "[1]", "[0,1]");
  return {
      {make_file(header(again + "," + again), "0"), "second value of the key \"a\" at byte"},
      {raw("[]"), "tensor \"a\": expected an object, got an array at byte 5 of the header"},
      {raw("{}"), "tensor \"a\" lacks dtype"},
      {raw(R"({"dtype":"U8"})"), "tensor \"a\" lacks shape"},
      {raw(R"({"dtype":"U8","shape":[2]})"), "tensor \"a\" lacks data_offsets"},
      {raw(R"({"dtype":"U8","shape":[2],"data_offsets":[0,2],"q":1})"), "unknown field \"q\""},
      {raw(R"({"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]})"), "key \"dtype\""},
      {raw(R"({"dtype":1,"shape":[2],"data_offsets":[0,2]})"), "expected a string, got an int"},
      {raw(R"({"dtype":"F128","shape":[2],"data_offsets":[0,2]})"), "unknown dtype \"F128\""},
      {raw(R"({"dtype":"u8","shape":[2],"data_offsets":[0,2]})"), "unknown dtype \"u8\""},
      {raw(R"({"dtype":"","shape":[2],"data_offsets":[0,2]})"), "unknown dtype \"\""},
      {raw(R"({"dtype":"U8\u0000","shape":[2],"data_offsets":[0,2]})"), "dtype \"U8\\x00\""},
      {one("2", "[0,8]"), "expected an array, got an integer"},
      {one("{}", "[0,8]"), "expected an array, got an object"},
      {one("[-2]", "[0,8]"), "tensor \"a\": negative number -2 at byte"},
      {one("[-1,-2]", "[0,8]"), "negative number -1"},
      {one("[2.0]", "[0,8]"), "expected an integer of 64 bits, got another number"},
      {one("[2e0]", "[0,8]"), "expected an integer of 64 bits, got another number"},
      {one("[\"2\"]", "[0,8]"), "expected an integer of 64 bits, got a string"},
      {one("[true]", "[0,8]"), "expected an integer of 64 bits, got true or false"},
      {one("[[2]]", "[0,8]"), "expected an integer of 64 bits, got an array"},
      {one("[9223372036854775808]", "[0,8]"), "got an integer of 2^63 or more"},
      {one("[18446744073709551618]", "[0,8]"), "got another number"},  // 2 modulo 2^64
      {one("[4294967296,4294967296]", "[0,8]"), "a shape of more than 2^63 bytes"},
      {one("[4611686018427387904]", "[0,0]"), "a shape of more than 2^63 bytes"},
      {one("[4611686018427387906]", "[0,8]"), "a shape of more than 2^63 bytes"},  // 8 modulo 2^64
      {one("[9223372036854775807,2]", "[0,8]"), "a shape of more than 2^63 bytes"},
      {one("[9223372036854775807,9,0]", "[0,0]"), "a shape of more than 2^63 bytes"},
      {one("[2]", "[0,9]"), "data_offsets [0, 9] in a file with 8 bytes of data"},
      {one("[2]", "[8,16]"), "data_offsets [8, 16] in a file with 8 bytes of data"},
      {one("[2]", "[0,9223372036854775807]"), "data_offsets [0, 9223372036854775807] in a file"},
      {one("[2]", "[0,9223372036854775808]"), "got an integer of 2^63 or more"},
      {one("[2]", "[-8,0]"), "negative number -8"},
      {one("[2]", "[8,0]"), "reversed data_offsets [8, 0]"},
      {one("[2]", "[0,4]"), "data_offsets [0, 4], but dtype and shape say 8 bytes"},
      {one("[1]", "[0,8]"), "data_offsets [0, 8], but dtype and shape say 4 bytes"},
      {one("[0]", "[0,8]"), "data_offsets [0, 8], but dtype and shape say 0 bytes"},
      {one("[]", "[0,8]"), "data_offsets [0, 8], but dtype and shape say 4 bytes"},
      {one("[2]", "[0]"), "has 1 data_offsets, expected 2"},
      {one("[2]", "[0,8,8]"), "has 3 data_offsets, expected 2"},
      {one("[2]", "[]"), "has 0 data_offsets, expected 2"},
      {one("[2]", "null"), "expected an array, got null"},
      {one("[2]", "[0,8.0]"), "got another number"},
      {one("null", "[0,8]"), "expected an array, got null"},
      {make_file("{\"__metadata__\":[]}"), "__metadata__: expected an object, got an array"},
      {make_file("{\"__metadata__\":\"\"}"), "__metadata__: expected an object, got a string"},
      {make_file("{\"__metadata__\":{\"a\":1}}"), "__metadata__: expected a string, got an int"},
      {make_file("{\"__metadata__\":{\"a\":null}}"), "__metadata__: expected a string, got null"},
      {make_file("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}"), "second value of the key \"a\""},
      {make_file("{\"__metadata__\":{},\"__metadata__\":{}}"), "key \"__metadata__\""},
      {make_file("{\"\\u001b[2J\":1}"), "tensor \"\\x1b[2J\": expected an object"},
  };
}

// Every entry is right by itself.
std::vector<BadFile> bad_layouts() {
  const auto two = [](const std::string& shape_a, const std::string& offsets_a,
                      const std::string& shape_b, const std::string& offsets_b) {
    return make_file(
        header(entry("a", "U8", shape_a, offsets_a) + "," + entry("b", "U8", shape_b, offsets_b)),
        "01234567");
  };
  return {
      {two("[8]", "[0,8]", "[8]", "[0,8]"), "at byte 0 of the data, overlapping the one"},
      {two("[5]", "[0,5]", "[4]", "[4,8]"),
       "tensor \"b\" begins at byte 4 of the data, overlapping"},
      {two("[4]", "[4,8]", "[5]", "[0,5]"),
       "tensor \"a\" begins at byte 4 of the data, overlapping"},
      {two("[8]", "[0,8]", "[2]", "[3,5]"),
       "tensor \"b\" begins at byte 3 of the data, overlapping"},
      {two("[8]", "[0,8]", "[0]", "[3,3]"),
       "tensor \"b\" begins at byte 3 of the data, overlapping"},
      {two("[3]", "[0,3]", "[4]", "[4,8]"), "leaving a hole behind the one that ends at 3"},
      {two("[3]", "[1,4]", "[4]", "[4,8]"), "leaving a hole behind the one that ends at 0"},
      {two("[3]", "[0,3]", "[4]", "[3,7]"), "the tensors end at byte 7 of the data, which has 8"},
      {two("[0]", "[0,0]", "[0]", "[0,0]"), "the tensors end at byte 0 of the data, which has 8"},
      {make_file("{}", "0"), "the tensors end at byte 0 of the data, which has 1"},
  };
}

void refuses(const std::vector<BadFile>& cases) {
  for (const BadFile& bad : cases) {
    CHECK_THROWS(CheckpointError, bad.fragment, parse(bad.bytes));
    CHECK_THROWS(CheckpointError, "; copy it again", parse(bad.bytes));
    CHECK_THROWS(CheckpointError, "m is not a whole safetensors file (", parse(bad.bytes));
  }
}

void refuses_every_truncation() {
  const std::string whole = make_file(header(entry("a", "U8", "[3]", "[0,3]")), "012");
  CHECK(parse(whole).contains("a"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK_THROWS(CheckpointError, "; copy it again", parse(whole.substr(0, size)));
  }
  CHECK_THROWS(CheckpointError, "the tensors end at byte 3", parse(whole + "x"));
}

}  // namespace

int main() {
  reads_tensors();
  reads_what_is_unusual_but_right();
  knows_the_types();
  refuses(bad_headers());
  refuses(bad_entries());
  refuses(bad_layouts());
  refuses_every_truncation();
  return mime_fast::test::status();
}
