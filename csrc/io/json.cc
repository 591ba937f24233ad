#include "io/json.h"

#include <algorithm>
#include <array>

namespace mime_fast {
namespace {

bool key_before(const JsonMember& member, std::string_view key) { return member.key < key; }

}  // namespace

void JsonValue::fail(const char* expected) const {
  constexpr std::array<const char*, std::variant_size_v<Data>> kKinds = {
      "null",           "true or false", "an integer", "an integer of 2^63 or more",
      "another number", "a string",      "an array",   "an object"};
  throw JsonError(std::string("expected ") + expected + ", got " + kKinds.at(data_.index()),
                  offset_);
}

std::uint64_t JsonValue::unsigned_integer() const {
  const auto* value = std::get_if<std::int64_t>(&data_);
  if (value != nullptr && *value >= 0) return static_cast<std::uint64_t>(*value);
  if (value != nullptr) throw JsonError("expected an integer of at least 0", offset_);
  return get<std::uint64_t>("an integer in [0, 2^64)");
}

double JsonValue::number() const {
  if (const auto* value = std::get_if<std::uint64_t>(&data_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*value);
  return get<double>("a number");
}

const JsonValue* JsonValue::find(std::string_view key) const {
  const Object& members = object();
  const auto found = std::lower_bound(members.begin(), members.end(), key, key_before);
  return found != members.end() && found->key == key ? &found->value : nullptr;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 80;
  constexpr char kHex[] = "0123456789abcdef";
  std::string shown = "\"";
  for (const char c : text.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      shown += {'\\', c};
    } else if (byte >= 0x20 && byte < 0x7F) {
      shown += c;
    } else {
      shown += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return shown + (text.size() > kShown ? "...\"" : "\"");
}

}  // namespace mime_fast
