#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Facts about code points, and changes of whole texts. Texts are valid UTF-8.
namespace mime_fast {

bool is_ascii(std::string_view text);
// Whether the text is valid UTF-8; else `at` is the offset of the first wrong byte.
bool is_utf8(std::string_view text, std::size_t& at);
std::size_t count_code_points(std::string_view text);

bool is_letter(std::int32_t code_point);            // categories L*
bool is_letter_or_number(std::int32_t code_point);  // L* and N*
// L*, N*, and symbols such as emoji, with those that are not assigned yet.
bool is_visible_word(std::int32_t code_point);
bool is_number(std::int32_t code_point);  // N*

enum class Form { nfc, nfd, nfkc, nfkd };
std::string normalized(std::string_view text, Form form);
// Each code point in lower case, whatever its neighbours are.
std::string lower(std::string_view text);
// A letter in lower case. U+0130 has two letters there, of which this is the first.
std::int32_t lower_of(std::int32_t code_point);
// The text without non-spacing marks (category Mn).
std::string without_marks(std::string_view text);

// A letter in upper case, if that is one letter which becomes the same in lower case again; else
// the letter itself.
std::int32_t capital_of(std::int32_t letter);
// A letter in upper case, which may be several, such as "SS".
std::string upper(std::int32_t letter);

// Appends the canonical decomposition of a code point.
void decompose(std::int32_t code_point, std::vector<std::int32_t>& result);
// The canonical combining class: 0 of all that is no mark which may change its place.
int combining_class(std::int32_t code_point);

// Unicode's canonical ordering of the marks behind each letter; code_point_of: that of an item.
// utf8proc's own ordering takes the square of the number of marks in a row.
template <typename Item, typename CodePointOf>
void sort_marks(std::vector<Item>& items, CodePointOf code_point_of) {
  const auto class_of = [&](const Item& item) { return combining_class(code_point_of(item)); };
  const auto is_mark = [&](const Item& item) { return class_of(item) != 0; };
  for (auto begin = items.begin(); begin != items.end();) {
    begin = std::find_if(begin, items.end(), is_mark);
    const auto end = std::find_if_not(begin, items.end(), is_mark);
    std::stable_sort(begin, end, [&](const Item& left, const Item& right) {
      return class_of(left) < class_of(right);
    });
    begin = end;
  }
}

}  // namespace mime_fast
