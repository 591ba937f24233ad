#include "text/tidy.h"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "io/utf8.h"
#include "text/never_destroyed.h"
#include "text/unicode.h"
#include "text/white_space.h"

namespace mime_fast {
namespace {

using Text = std::u32string;  // code points
using View = std::u32string_view;

// The APOSTROPHES of mime_fast/text/characters.py.
constexpr View kApostrophes =
    U"`\u00b4\u0149\u02b9\u02bb\u02bc\u02bd\u0374\u055a\u05f3\u1fef\u1ffd"
    U"\u2018\u2019\u201b\u2032\u2035\u275b\u275c\ua78b\ua78c\uff07\uff40";
constexpr View kQuotes = U"\u201c\u201d";
constexpr char32_t kEllipsis = U'\u2026';
constexpr View kMarks = U",.!?;:";
// In a context alone; the HYPHENS and DASHES of characters.py.
constexpr View kContextDashes =
    U"\u02d7\u058a\u05be\u1400\u1806\u2010\u2011\u2012\u2043\u207b\u208b\u2212"
    U"\u2e17\u2e1a\u2e40\u2e5d\u30a0\ufe63\uff0d\U00010ead"
    U"\u2013\u2014\u2015\u2053\u2e3a\u2e3b\u2e43\u301c\u3030\ufe31\ufe32\ufe58";
// The QUOTES and FORMATS of mime_fast/text/subword_tokenizer.py.
constexpr View kContextQuotes =
    U"\u00ab\u00bb\u201a\u201e\u201f\u2039\u203a\u2e02\u2e03\u2e04\u2e05\u2e09\u2e0a\u2e0c\u2e0d"
    U"\u2e1c\u2e1d\u2e20\u2e21\u2e42\u300c\u300d\u300e\u300f\u301d\u301e\u301f"
    U"\ufe41\ufe42\ufe43\ufe44";
constexpr View kContextFormats = U"\u0890\u0891\u08e2\U000110bd\U000110cd";
constexpr char32_t kFirstHieroglyphFormat = U'\U00013430', kLastHieroglyphFormat = U'\U0001343f';

// What is often written without its apostrophe.
constexpr View kContractions[] = {
    U"aren't",  U"can't", U"couldn't", U"didn't",    U"doesn't", U"don't",   U"hadn't", U"hasn't",
    U"haven't", U"i'm",   U"isn't",    U"shouldn't", U"that's",  U"there's", U"wasn't", U"weren't",
    U"what's",  U"won't", U"wouldn't", U"i've",      U"you're",  U"they're", U"you've", U"we've"};

bool is_in(char32_t c, View characters) { return characters.find(c) != View::npos; }
bool is_lower(char32_t c) { return c >= U'a' && c <= U'z'; }
bool is_upper(char32_t c) { return c >= U'A' && c <= U'Z'; }
char32_t to_lower(char32_t c) { return is_upper(c) ? c + (U'a' - U'A') : c; }
char32_t to_upper(char32_t c) { return is_lower(c) ? c - (U'a' - U'A') : c; }
bool is_alphanumeric(char32_t c) { return is_letter_or_number(static_cast<std::int32_t>(c)); }
bool is_of_word(char32_t c) { return c == U'_' || is_alphanumeric(c); }
bool ends_or(const Text& text, std::size_t at, bool (*holds)(char32_t)) {
  return at == text.size() || holds(text[at]);
}
bool is_blank(char32_t c) { return c == U' '; }

// What is written for a quote, an apostrophe or an ellipsis; else the character itself.
View straight(const char32_t& c) {
  if (is_in(c, kApostrophes)) return U"'";
  if (is_in(c, kQuotes)) return U"\"";
  return c == kEllipsis ? View(U"...") : View(&c, 1);
}

// The same for a character of a context, where any quote or dash becomes ASCII's.
View straight_in_context(const char32_t& c) {
  if (is_in(c, kContextDashes)) return U"-";
  if (is_in(c, kContextQuotes)) return U"\"";
  const bool is_format =
      is_in(c, kContextFormats) || (c >= kFirstHieroglyphFormat && c <= kLastHieroglyphFormat);
  return is_format ? View() : straight(c);
}

std::string to_utf8(View text) {
  std::string result;
  for (const char32_t c : text) append_utf8(c, result);
  return result;
}

// Straight quotes and apostrophes, and single blanks between what white space separates.
Text plain(std::string_view text) {
  Text result;
  bool has_blank = false;  // behind what was written
  const auto write = [&](View characters) {
    if (has_blank && !result.empty()) result += U' ';
    has_blank = false;
    result += characters;
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::int32_t code_point = next_code_point(text, at);
    const auto c = static_cast<char32_t>(code_point);
    if (is_space(code_point)) {
      has_blank = true;
    } else {
      write(straight(c));
    }
  }
  return result;
}

// No blank before a mark that ends a word.
Text without_blanks_before_marks(const Text& text) {
  Text result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_loose = text[i] == U' ' && i + 1 < text.size() && is_in(text[i + 1], kMarks) &&
                          ends_or(text, i + 2, is_blank);
    if (!is_loose) result += text[i];
  }
  return result;
}

// A blank between sentences that were written together.
Text separated(const Text& text) {
  Text result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_glued = i >= 2 && is_lower(text[i - 2]) && is_in(text[i - 1], U".!?") &&
                          is_upper(text[i]) && i + 1 < text.size() &&
                          (is_lower(text[i + 1]) || text[i + 1] == U'\'');
    if (is_glued) result += U' ';
    result += text[i];
  }
  return result;
}

// A word as it is written with its apostrophe, if that was left out.
Text contracted(const Text& word) {
  static const auto& contractions = never_destroyed<std::unordered_map<Text, View>>([] {
    std::unordered_map<Text, View> found;
    for (const View each : kContractions) {
      Text bare(each);
      bare.erase(bare.find(U'\''), 1);
      found.emplace(bare, each);
    }
    return found;
  }());
  Text lower;
  for (const char32_t c : word) lower += to_lower(c);
  const auto found = contractions.find(lower);
  if (found == contractions.end()) return word;
  Text result(found->second);
  if (is_upper(word[0])) result[0] = to_upper(result[0]);
  return result;
}

Text with_apostrophes(const Text& text) {
  Text result, word;
  for (const char32_t c : text) {
    if (is_of_word(c)) {
      word += c;
      continue;
    }
    if (!word.empty()) result += contracted(word);
    word.clear();
    result += c;
  }
  return word.empty() ? result : result + contracted(word);
}

// Whether an "i" before this place is a word: what follows ends it.
bool follows_self(const Text& text, std::size_t at) {
  if (at == text.size() || is_in(text[at], U" ,!?;:)\"")) return true;
  if (text[at] == U'.') return ends_or(text, at + 1, is_blank);
  if (text[at] != U'\'') return false;
  for (const View ending : {U"m", U"ve", U"ll", U"d"}) {
    const std::size_t end = at + 1 + ending.size();
    const auto is_other = [](char32_t c) { return !is_of_word(c); };
    if (text.compare(at + 1, ending.size(), ending) == 0 && ends_or(text, end, is_other)) {
      return true;
    }
  }
  return false;
}

void capitalize_self(Text& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = text[i] == U'i' && (i == 0 || !is_of_word(text[i - 1]));
    if (begins && follows_self(text, i + 1)) text[i] = U'I';
  }
}

// A capital letter at the beginning, and behind the end of each sentence.
void capitalize_sentences(Text& text) {
  const auto behind = [&](std::size_t at, View characters) {
    while (at < text.size() && is_in(text[at], characters)) ++at;
    return at;
  };
  const auto capitalize = [&](std::size_t at) {
    at = behind(at, U"\"'(");
    if (at < text.size()) text[at] = to_upper(text[at]);
  };
  capitalize(0);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_in(text[i], U".!?") || (i > 0 && text[i - 1] == U'.')) continue;
    const std::size_t end = behind(i + 1, U"\"')");
    if (end < text.size() && text[end] == U' ') capitalize(end + 1);
  }
}

}  // namespace

std::string tidy(std::string_view given) {
  Text text = with_apostrophes(separated(without_blanks_before_marks(plain(given))));
  capitalize_self(text);
  capitalize_sentences(text);
  if (!text.empty() && is_alphanumeric(text.back())) text += U'.';
  return to_utf8(text);
}

std::string tidy_context(std::string_view given) {
  // Quotes come first: NFKC makes a blank and an accent of U+00B4, which is often an apostrophe.
  Text text;
  for (std::size_t at = 0; at < given.size();) {
    const auto c = static_cast<char32_t>(next_code_point(given, at));
    text += straight_in_context(c);
  }
  return tidy(normalized(to_utf8(text), Form::nfkc));
}

}  // namespace mime_fast
