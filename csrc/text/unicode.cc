#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <stdexcept>

#include "io/utf8.h"

namespace mime_fast {
namespace {

constexpr std::int32_t kDottedCapitalI = 0x130;  // the only one of two code points in lower case

utf8proc_category_t category_of(std::int32_t code_point) { return utf8proc_category(code_point); }

void append(std::int32_t code_point, std::string& text) {
  append_utf8(static_cast<std::uint32_t>(code_point), text);
}

// Whether a letter has several code points in upper case (Unicode's SpecialCasing.txt), which
// utf8proc does not know.
bool has_long_capital(std::int32_t letter) {
  constexpr std::int32_t kRanges[][2] = {
      {0x00DF, 0x00DF}, {0x0149, 0x0149}, {0x01F0, 0x01F0}, {0x0390, 0x0390}, {0x03B0, 0x03B0},
      {0x0587, 0x0587}, {0x1E96, 0x1E9A}, {0x1F50, 0x1F50}, {0x1F52, 0x1F52}, {0x1F54, 0x1F54},
      {0x1F56, 0x1F56}, {0x1F80, 0x1FAF}, {0x1FB2, 0x1FB4}, {0x1FB6, 0x1FB7}, {0x1FBC, 0x1FBC},
      {0x1FC2, 0x1FC4}, {0x1FC6, 0x1FC7}, {0x1FCC, 0x1FCC}, {0x1FD2, 0x1FD3}, {0x1FD6, 0x1FD7},
      {0x1FE2, 0x1FE4}, {0x1FE6, 0x1FE7}, {0x1FF2, 0x1FF4}, {0x1FF6, 0x1FF7}, {0x1FFC, 0x1FFC},
      {0xFB00, 0xFB06}, {0xFB13, 0xFB17}};
  return std::any_of(std::begin(kRanges), std::end(kRanges), [letter](const auto& range) {
    return letter >= range[0] && letter <= range[1];
  });
}

int options_of(Form form) {
  const bool compose = form == Form::nfc || form == Form::nfkc;
  const bool compat = form == Form::nfkc || form == Form::nfkd;
  return UTF8PROC_STABLE | (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
         (compat ? UTF8PROC_COMPAT : 0);
}

void append_decomposed(std::int32_t code_point, utf8proc_option_t options,
                       std::vector<std::int32_t>& result) {
  constexpr std::size_t kLongest = 18;  // code points that one becomes (U+FDFA)
  int boundary = 0;                     // of graphemes, which these options do not ask for
  const std::size_t size = result.size();
  result.resize(size + kLongest);
  const utf8proc_ssize_t count =
      utf8proc_decompose_char(code_point, result.data() + size,
                              static_cast<utf8proc_ssize_t>(kLongest), options, &boundary);
  if (count < 0 || static_cast<std::size_t>(count) > kLongest) {
    throw std::invalid_argument(count < 0 ? utf8proc_errmsg(count) : "a code point is too long");
  }
  result.resize(size + static_cast<std::size_t>(count));
}

// The code points of the text, each decomposed; their marks are in the order of the text.
std::vector<std::int32_t> decomposed(std::string_view text, utf8proc_option_t options) {
  std::vector<std::int32_t> result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    append_decomposed(next_code_point(text, at), options, result);
  }
  return result;
}

}  // namespace

int combining_class(std::int32_t code_point) {
  return utf8proc_get_property(code_point)->combining_class;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_utf8(std::string_view text, std::size_t& at) {
  for (at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

bool is_letter(std::int32_t code_point) {
  const utf8proc_category_t category = category_of(code_point);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool is_letter_or_number(std::int32_t code_point) {
  return is_letter(code_point) || is_number(code_point);
}

bool is_number(std::int32_t code_point) {
  const utf8proc_category_t category = category_of(code_point);
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool is_visible_word(std::int32_t code_point) {
  const utf8proc_category_t category = category_of(code_point);
  return is_letter_or_number(code_point) || category == UTF8PROC_CATEGORY_SO ||
         category == UTF8PROC_CATEGORY_CN;
}

std::string normalized(std::string_view text, Form form) {
  if (is_ascii(text)) return std::string(text);
  const auto options = static_cast<utf8proc_option_t>(options_of(form));
  std::vector<std::int32_t> code_points = decomposed(text, options);
  sort_marks(code_points, [](std::int32_t code_point) { return code_point; });
  // Composes in place; without marks that are out of order, it takes one pass.
  const utf8proc_ssize_t count = utf8proc_normalize_utf32(
      code_points.data(), static_cast<utf8proc_ssize_t>(code_points.size()), options);
  if (count < 0) throw std::invalid_argument(utf8proc_errmsg(count));
  std::string result;
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    append(code_points[static_cast<std::size_t>(i)], result);
  return result;
}

std::string lower(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::int32_t code_point = next_code_point(text, at);
    if (code_point < 0x80) {
      result +=
          static_cast<char>(code_point >= 'A' && code_point <= 'Z' ? code_point + 32 : code_point);
    } else if (code_point == kDottedCapitalI) {
      result += "i\u0307";
    } else {
      append(utf8proc_tolower(code_point), result);
    }
  }
  return result;
}

std::int32_t lower_of(std::int32_t code_point) { return utf8proc_tolower(code_point); }

std::string without_marks(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::int32_t code_point = next_code_point(text, at);
    if (category_of(code_point) != UTF8PROC_CATEGORY_MN) append(code_point, result);
  }
  return result;
}

std::int32_t capital_of(std::int32_t letter) {
  if (has_long_capital(letter)) return letter;
  const std::int32_t capital = utf8proc_toupper(letter);
  return capital != kDottedCapitalI && utf8proc_tolower(capital) == letter ? capital : letter;
}

std::string upper(std::int32_t letter) {
  constexpr std::int32_t kSharpS = 0xDF, kIotaBelow = 0x345;
  if (letter == kSharpS) return "SS";
  std::vector<std::int32_t> parts = {letter};
  if (has_long_capital(letter)) {
    parts.clear();
    append_decomposed(letter, static_cast<utf8proc_option_t>(options_of(Form::nfkd)), parts);
  }
  std::string result;
  for (const std::int32_t part : parts) append(utf8proc_toupper(part), result);
  // An iota below becomes a letter of its own, and what it was below stays composed.
  const bool has_iota = std::find(parts.begin(), parts.end(), kIotaBelow) != parts.end();
  return has_iota ? normalized(result, Form::nfc) : result;
}

void decompose(std::int32_t code_point, std::vector<std::int32_t>& result) {
  append_decomposed(code_point, static_cast<utf8proc_option_t>(options_of(Form::nfd)), result);
}

}  // namespace mime_fast
