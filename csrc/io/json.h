#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mime_fast {

// Thrown for text that is not JSON, and for a value of another kind than requested. The message
// ends with the offset of the error.
class JsonError : public std::invalid_argument {
 public:
  JsonError(const std::string& problem, std::size_t offset)
      : std::invalid_argument(problem + " at byte " + std::to_string(offset)), offset_(offset) {}
  std::size_t offset() const { return offset_; }

 private:
  std::size_t offset_;
};

struct JsonMember;

// A parsed value. The getters throw JsonError if it is of another kind.
class JsonValue {
 public:
  using Array = std::vector<JsonValue>;
  using Object = std::vector<JsonMember>;  // sorted by key; no key occurs twice
  // An integer is std::uint64_t only where std::int64_t does not hold it.
  using Data = std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string,
                            Array, Object>;

  JsonValue(Data data, std::size_t offset) : data_(std::move(data)), offset_(offset) {}

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(data_); }
  bool boolean() const { return get<bool>("true or false"); }
  // An integer that is written without fraction and exponent and fits; it is never rounded.
  std::int64_t integer() const { return get<std::int64_t>("an integer of 64 bits"); }
  // Likewise, in [0, 2^64).
  std::uint64_t unsigned_integer() const;
  double number() const;
  const std::string& string() const { return get<std::string>("a string"); }
  const Array& array() const { return get<Array>("an array"); }
  const Object& object() const { return get<Object>("an object"); }
  // Returns the value of an object's member, or nullptr if no member has that name.
  const JsonValue* find(std::string_view key) const;

  const Data& data() const { return data_; }      // for std::visit
  std::size_t offset() const { return offset_; }  // of its first byte in the text

 private:
  template <typename Kind>
  const Kind& get(const char* expected) const {
    if (const Kind* value = std::get_if<Kind>(&data_)) return *value;
    fail(expected);
  }
  [[noreturn]] void fail(const char* expected) const;

  Data data_;
  std::size_t offset_;
};

struct JsonMember {
  std::string key;
  JsonValue value;
};

struct JsonLimits {
  int depth = 64;  // arrays and objects inside one another: bounds the stack
  // A value costs 48 bytes, 80 with its key, but can be written in 2: this bounds memory.
  // Measured on the worst texts of 100 MB: 280 MB with the text, 0.8 s.
  std::int64_t values = std::int64_t{1} << 20;
};

// Reads one JSON text (RFC 8259) from an untrusted source in O(n log n). It is strict: UTF-8
// without byte order mark, no duplicate keys, no number beyond the range of a double, nothing
// behind. Throws JsonError.
JsonValue parse_json(std::string_view text, const JsonLimits& limits = {});

// Formats a text for error messages: in quotes, escaped to printable ASCII, shortened.
std::string quoted(std::string_view text);

}  // namespace mime_fast
