#include "io/utf8.h"

#include <stdexcept>

namespace mime_fast {
namespace {

struct Form {
  std::size_t length;
  unsigned char second_low, second_high;  // the range of the second byte
};

// Table 3-7 of the Unicode standard: only the second byte's range depends on the first.
Form form_of(unsigned char first) {
  if (first < 0x80) return {1, 0, 0};
  if (first < 0xC2) return {0, 0, 0};
  if (first < 0xE0) return {2, 0x80, 0xBF};
  if (first == 0xE0) return {3, 0xA0, 0xBF};
  if (first == 0xED) return {3, 0x80, 0x9F};
  if (first < 0xF0) return {3, 0x80, 0xBF};
  if (first == 0xF0) return {4, 0x90, 0xBF};
  if (first < 0xF4) return {4, 0x80, 0xBF};
  if (first == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

std::size_t utf8_length(std::string_view text) {
  const Form form = form_of(static_cast<unsigned char>(text[0]));
  if (form.length <= 1) return form.length;
  if (form.length > text.size()) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  if (second < form.second_low || second > form.second_high) return 0;
  for (std::size_t i = 2; i < form.length; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  return form.length;
}

std::int32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const std::size_t length = utf8_length(text.substr(at));
  if (length == 0) throw std::invalid_argument("the text is not valid UTF-8");
  std::int32_t code_point = length == 1 ? first : first & (0x7F >> length);
  for (std::size_t i = 1; i < length; ++i) {
    code_point = code_point << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3F);
  }
  at += length;
  return code_point;
}

bool begins_code_point(std::string_view text) {
  const Form form = form_of(static_cast<unsigned char>(text[0]));
  if (text.size() >= form.length) return false;
  if (text.size() == 1) return true;
  const auto second = static_cast<unsigned char>(text[1]);
  if (second < form.second_low || second > form.second_high) return false;
  return text.size() == 2 || is_continuation(text[2]);
}

void append_utf8(std::uint32_t code_point, std::string& text) {
  const auto tail = [&](int shift) {
    text += static_cast<char>(0x80 | ((code_point >> shift) & 0x3F));
  };
  if (code_point < 0x80) {
    text += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    text += static_cast<char>(0xC0 | (code_point >> 6));
    tail(0);
  } else if (code_point < 0x10000) {
    text += static_cast<char>(0xE0 | (code_point >> 12));
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xF0 | (code_point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace mime_fast
