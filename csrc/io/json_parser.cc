#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include "io/json.h"
#include "io/utf8.h"

namespace mime_fast {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A recursive-descent parser of [at_, text_.size()); every function moves at_ behind what it reads.
class Parser {
 public:
  Parser(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  JsonValue document() {
    JsonValue value = any_value();
    if (!at_end()) fail("expected the end of the text, got " + quoted(text_.substr(at_, 1)));
    return value;
  }

 private:
  // Parses a value and the white space around it.
  JsonValue any_value() {
    skip_space();
    if (++values_ > limits_.values) {
      fail("more than " + std::to_string(limits_.values) + " values");
    }
    const std::size_t start = at_;
    JsonValue value(data(), start);
    skip_space();
    return value;
  }

  JsonValue::Data data() {
    switch (peek()) {
      case '{':
        return object();
      case '[':
        return array();
      case '"':
        return string();
      case 't':
        keyword("true");
        return true;
      case 'f':
        keyword("false");
        return false;
      case 'n':
        keyword("null");
        return nullptr;
      default:
        return number();
    }
  }

  JsonValue::Data object() {
    JsonValue::Object members;
    open();
    for (bool more = !take('}'); more; more = next_item('}')) {
      skip_space();
      if (peek() != '"') fail("expected a key in quotes");
      std::string key = string();
      skip_space();
      if (!take(':')) fail("expected ':' after the key " + quoted(key));
      members.push_back({std::move(key), any_value()});
    }
    --depth_;
    sort_by_key(members);
    return members;
  }

  JsonValue::Data array() {
    JsonValue::Array items;
    open();
    for (bool more = !take(']'); more; more = next_item(']')) items.push_back(any_value());
    --depth_;
    return items;
  }

  // Reads the bracket that opens an array or object, and the white space behind it.
  void open() {
    if (++depth_ > limits_.depth) {
      fail("arrays and objects nested deeper than " + std::to_string(limits_.depth));
    }
    ++at_;
    skip_space();
  }

  bool next_item(char close) {
    if (take(',')) return true;
    if (!take(close)) fail(std::string("expected ',' or '") + close + "'");
    return false;
  }

  // Sorting finds equal keys in O(n log n) for any keys; chosen keys make a hash table quadratic.
  static void sort_by_key(JsonValue::Object& members) {
    const auto before = [](const JsonMember& a, const JsonMember& b) {
      const int order = a.key.compare(b.key);
      return order < 0 || (order == 0 && a.value.offset() < b.value.offset());
    };
    const auto same = [](const JsonMember& a, const JsonMember& b) { return a.key == b.key; };
    std::sort(members.begin(), members.end(), before);
    const auto twin = std::adjacent_find(members.begin(), members.end(), same);
    if (twin == members.end()) return;
    throw JsonError("second value of the key " + quoted(twin->key), (twin + 1)->value.offset());
  }

  std::string string() {
    ++at_;
    std::string value;
    for (;;) {
      const std::size_t run = at_;
      skip_plain();
      value.append(text_.substr(run, at_ - run));
      if (take('"')) return value;
      if (at_end()) fail("a string without end");
      if (!take('\\')) fail("a control character in a string, which must be escaped,");
      append_utf8(escape(), value);
    }
  }

  // Reads the unescaped part of a string: all but quote, backslash and control characters.
  void skip_plain() {
    while (!at_end()) {
      const char c = text_[at_];
      if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20) return;
      const std::size_t length = utf8_length(text_.substr(at_));
      if (length == 0) fail("bytes that are not UTF-8");
      at_ += length;
    }
  }

  std::uint32_t escape() {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (take('u')) return unicode_escape();
    const std::size_t index = at_end() ? kNames.npos : kNames.find(text_[at_]);
    if (index == kNames.npos) fail("an unknown escape in a string");
    ++at_;
    return static_cast<unsigned char>(kMeanings[index]);
  }

  // Reads the code point behind \u; those above U+FFFF are written as two surrogates.
  std::uint32_t unicode_escape() {
    const std::uint32_t first = hex4();
    if (first < 0xD800 || first > 0xDFFF) return first;
    if (first <= 0xDBFF && take('\\') && take('u')) {
      const std::uint32_t second = hex4();
      if (second >= 0xDC00 && second <= 0xDFFF) {
        return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
      }
    }
    fail("half of a surrogate pair in a string");
  }

  std::uint32_t hex4() {
    std::uint32_t value = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const char* end = digits.data() + digits.size();
    const auto result = std::from_chars(digits.data(), end, value, 16);
    if (digits.size() < 4 || result.ptr != end) fail("expected four hexadecimal digits");
    at_ += 4;
    return value;
  }

  void keyword(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) fail("expected " + std::string(word));
    at_ += word.size();
  }

  JsonValue::Data number() {
    const std::size_t start = at_;
    take('-');
    if (!take('0') && !skip_digits()) {
      at_ = start;
      fail(at_end() ? "expected a value, got the end of the text" : "expected a value");
    }
    bool is_integer = true;
    if (take('.')) {
      is_integer = false;
      if (!skip_digits()) fail("expected a digit behind the decimal point");
    }
    if (take('e') || take('E')) {
      is_integer = false;
      if (!take('+')) take('-');
      if (!skip_digits()) fail("expected a digit in the exponent");
    }
    const std::string_view token = text_.substr(start, at_ - start);
    if (is_integer) {
      if (const auto value = convert<std::int64_t>(token)) return *value;
      if (const auto value = convert<std::uint64_t>(token)) return *value;
    }
    if (const auto value = convert<double>(token)) return *value;
    at_ = start;
    fail("a number out of a double's range: " + quoted(token));
  }

  template <typename Number>
  static std::optional<Number> convert(std::string_view token) {
    Number value{};
    const auto result = std::from_chars(token.data(), token.data() + token.size(), value);
    return result.ec == std::errc() ? std::optional<Number>(value) : std::nullopt;
  }

  bool skip_digits() {
    const std::size_t start = at_;
    while (!at_end() && is_digit(text_[at_])) ++at_;
    return at_ != start;
  }

  void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\n\r", at_), text_.size()); }

  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  [[noreturn]] void fail(const std::string& problem) const { throw JsonError(problem, at_); }

  std::string_view text_;
  const JsonLimits& limits_;
  std::size_t at_ = 0;
  std::int64_t values_ = 0;
  int depth_ = 0;
};

}  // namespace

JsonValue parse_json(std::string_view text, const JsonLimits& limits) {
  return Parser(text, limits).document();
}

}  // namespace mime_fast
