#include "text/parts.h"

#include "io/utf8.h"
#include "text/unicode.h"

namespace mime_fast {
namespace {

constexpr std::size_t kLongestPart = 500;  // code points

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The byte behind the longest first part.
std::size_t behind_longest(std::string_view text) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < kLongestPart && end < text.size(); ++i) next_code_point(text, end);
  return end;
}

// The byte behind the first part, which ends at `last` or before it.
std::size_t end_of_part(std::string_view text, std::size_t last) {
  std::size_t blank = 0;
  for (std::size_t place = last; place > 0; --place) {
    if (text[place] != ' ' && text[place] != '\n') continue;
    const bool has_letters = is_ascii_letter(text[place - 1]) && place + 1 < text.size() &&
                             is_ascii_letter(text[place + 1]);
    if (has_letters) return place;
    if (blank == 0) blank = place;
  }
  return blank == 0 ? last : blank;
}

}  // namespace

std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> parts;
  while (text.size() > kLongestPart) {
    const std::size_t last = behind_longest(text);
    if (last == text.size()) break;
    const std::size_t end = end_of_part(text, last);
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  parts.push_back(text);
  return parts;
}

}  // namespace mime_fast
