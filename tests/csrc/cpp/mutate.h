#pragma once

#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "files.h"

// Files for the fuzzer: valid ones and what mutations make of them.
namespace mime_fast::test {

struct Parts {
  std::string header, data;
};

inline std::vector<Parts> seed_files() {
  const std::string metadata = R"("__metadata__":{"format":"pt","\ud83d\ude00":"\u0000\n"})";
  const std::string three = entry("a.weight", "F32", "[2,3]", "[0,24]") + "," +
                            entry("b", "F16", "[3]", "[24,30]") + "," +
                            entry("c\u00e9", "BF16", "[1,1,1]", "[30,32]");
  const std::string empties =
      entry("a", "U8", "[0]", "[0,0]") + "," + entry("b", "I64", "[1]", "[0,8]") + "," +
      entry("c", "F32", "[3,0]", "[8,8]") + "," + entry("d", "BOOL", "[]", "[8,9]");
  const std::string other = R"("x":[1,-2.5e-3,true,false,null,"\u00e9",{"y":[]}])";
  return {{"{}", ""},
          {"{" + metadata + "}  ", ""},
          {"{" + three + "}", std::string(32, '\x7C')},
          {"{" + metadata + ",\n\t" + three + " }", std::string(32, 'x')},
          {"{" + empties + "}", "012345678"},
          {"{" + other + "," + metadata + "}", ""}};
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  // A seed after one to eight mutations; one in eight has a wrong length or bytes changed anywhere.
  Parts next_parts(const std::vector<Parts>& seeds) {
    Parts parts = pick(seeds);
    for (std::size_t left = below(8) + 1; left > 0; --left) mutate(parts, pick(seeds));
    return parts;
  }
  std::string next_file(const Parts& parts) {
    std::string file = make_file(parts.header, parts.data);
    if (below(8) != 0) return file;
    for (std::size_t left = below(3) + 1; left > 0; --left)
      flip(file, below(2) == 0 ? 8 : file.size());
    if (below(2) == 0) file.resize(below(file.size() + 1));
    return file;
  }

  std::size_t below(std::size_t count) { return static_cast<std::size_t>(random_() % count); }

 private:
  template <typename List>
  const typename List::value_type& pick(const List& list) {
    return list[below(list.size())];
  }

  void mutate(Parts& parts, const Parts& other) {
    std::string& text = parts.header;
    const std::size_t at = below(text.size() + 1);
    const std::size_t length = below(below(4) == 0 ? text.size() + 1 : 8);
    switch (below(11)) {
      case 0:
        return flip(text, text.size());
      case 1:
        text.erase(at, length);
        return;
      case 2:
        text.insert(below(text.size() + 1), text.substr(at, length));
        return;
      case 3:
        text.insert(at, pick(kTokens));
        return;
      case 4:
        text.replace(at, length, pick(kTokens));
        return;
      case 5:
        text.replace(at, length, other.header, below(other.header.size()), below(40));
        return;
      case 6:
        text.resize(at);
        return;
      case 7:
        parts.data.resize(below(2 * parts.data.size() + 2), '\xFF');
        return;
      default:
        return edit_number(text, at);
    }
  }

  void flip(std::string& text, std::size_t limit) {
    if (text.empty()) return;
    char& byte = text[below(limit < text.size() ? limit : text.size())];
    byte = static_cast<char>(byte ^ (1 << below(8)));
  }

  // The first number from there on becomes a hostile one, a near one or one that occurs elsewhere.
  void edit_number(std::string& text, std::size_t from) {
    constexpr const char* kDigits = "0123456789";
    const std::size_t start = text.find_first_of(kDigits, from);
    if (start == text.npos) return;
    const std::size_t end = text.find_first_not_of(kDigits, start);
    const std::size_t length = (end == text.npos ? text.size() : end) - start;
    const std::string near = std::to_string(below(40));
    text.replace(start, length, below(3) == 0 ? std::string(pick(kNumbers)) : near);
  }

  static constexpr std::array<std::string_view, 16> kNumbers = {"0",
                                                                "-1",
                                                                "-0",
                                                                "1.0",
                                                                "1e2",
                                                                "4294967296",
                                                                "2147483648",
                                                                "9223372036854775807",
                                                                "9223372036854775808",
                                                                "-9223372036854775808",
                                                                "18446744073709551616",
                                                                "1e400",
                                                                "1e-400",
                                                                "4611686018427387904",
                                                                "0.1",
                                                                "00"};
  static constexpr std::array<std::string_view, 32> kTokens = {"{",
                                                               "}",
                                                               "[",
                                                               "]",
                                                               ",",
                                                               ":",
                                                               "\"",
                                                               "\\",
                                                               "\\u",
                                                               "\\ud800",
                                                               "\\udc00",
                                                               "\\u0000",
                                                               "\\\"",
                                                               "null",
                                                               "true",
                                                               "false",
                                                               "\"a\":",
                                                               "\"b\":{}",
                                                               "[[[[[[[[[[[[[[[[",
                                                               "{\"\":{\"\":{\"\":",
                                                               "\"dtype\":\"F16\",",
                                                               "\"shape\":[],",
                                                               "\"data_offsets\":[0,0],",
                                                               "\"__metadata__\":{},",
                                                               "F32",
                                                               "BOOL",
                                                               "\xC3\xA9",
                                                               "\xF0\x9F\x98",
                                                               "\xED\xA0\x80",
                                                               "\x7F",
                                                               "\x1F",
                                                               "   "};

  std::mt19937_64 random_;
};

}  // namespace mime_fast::test
