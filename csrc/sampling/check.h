#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include "mime_fast/logits.h"

namespace mime_fast {

inline std::string to_text(std::int64_t value) { return std::to_string(value); }

// The shortest digits that read back as the same double: 1.0000001 must not print as 1.
inline std::string to_text(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return std::string(buffer.data(), end);
}

// hint: the remedy, such as "; 0 is off".
template <typename Value>
void require(bool valid, const char* rule, Value value, const char* hint = "") {
  if (!valid) throw std::invalid_argument(std::string(rule) + ", got " + to_text(value) + hint);
}

// Ids are kept in 32 bits inside: half the bytes to move and sort.
inline void check_vocab(const Logits& logits) {
  constexpr std::int64_t kMaxVocab = std::numeric_limits<std::int32_t>::max();
  require(logits.vocab >= 1 && logits.vocab <= kMaxVocab, "vocab must be in [1, 2147483647]",
          logits.vocab);
}

}  // namespace mime_fast
