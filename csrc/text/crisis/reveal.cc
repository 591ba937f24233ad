#include "text/crisis/reveal.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/utf8.h"
#include "text/crisis/spelling.h"
#include "text/never_destroyed.h"
#include "text/regex.h"
#include "text/unicode.h"
#include "text/white_space.h"

namespace mime_fast {
namespace {

constexpr std::size_t kLongestHidden = 40;  // characters between white space; longer is no word
constexpr std::size_t kLongestSpaced = 80;
constexpr std::size_t kLongestWord = 12;
constexpr std::size_t kMostHidden = 4;  // letters that asterisks stand for
constexpr std::string_view kEnds = ".,!?";
constexpr std::string_view kLeet = "013457!|@$+", kLetters = "oieastilast";

const Regex& suspicious() {
  static const auto& expression = never_destroyed<Regex>(
      "[a-z0-9][!@$*|+#._][a-z0-9]|[a-z][0-9]|[0-9@$][a-z]|[a-z]-[a-z]|([a-z])\\1\\1"
      "|(?<![a-z'])[a-z][ ._*~-]{1,2}[a-z0-9](?![a-z'])");
  return expression;
}

const Regex& spaced() {
  static const auto& expression = never_destroyed<Regex>(
      "(?<![\\p{L}\\p{N}])[\\p{L}\\p{Nl}\\p{No}]"
      "(?:[ ._*~-]{1,2}[a-z0-9!@$](?![\\p{L}\\p{N}])){2,}");
  return expression;
}

const Regex& hiding() {
  static const auto& expression =
      never_destroyed<Regex>("[a-z0-9][!@$*|+#._-]+[a-z0-9]|[a-z][0-9]|[0-9@$][a-z]");
  return expression;
}

bool is_small(char c) { return c >= 'a' && c <= 'z'; }

std::string without_leet(std::string text) {
  for (char& c : text) {
    if (const std::size_t at = kLeet.find(c); at != std::string_view::npos) c = kLetters[at];
  }
  return text;
}

bool is_alphabetic(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (!is_letter(next_code_point(text, at))) return false;
  }
  return !text.empty();
}

// Blanks between the known words that letters consist of; as few words as possible.
std::optional<std::string> split_known(const std::string& letters, const Words& known) {
  static const auto& linking =
      never_destroyed<Words>(words_of(read_sections("crisis/spelling.txt"), "linking"));
  if (!is_alphabetic(letters) || count_code_points(letters) > kLongestSpaced) return std::nullopt;
  std::map<std::size_t, std::string> ends = {{0, ""}};  // how the letters before a place are split
  for (std::size_t place = 0; place < letters.size(); ++place) {
    const auto before = ends.find(place);
    if (before == ends.end()) continue;
    const std::size_t last = std::min(letters.size(), place + kLongestWord);
    for (std::size_t end = place + 1; end <= last; ++end) {
      const std::string word = letters.substr(place, end - place);
      if (!known.contains(word) && !linking.contains(word)) continue;
      std::string way = before->second + " " + word;
      const auto [other, is_new] = ends.try_emplace(end, way);
      if (!is_new && way.size() < other->second.size()) other->second = std::move(way);
    }
  }
  const auto found = ends.find(letters.size());
  return found == ends.end() ? std::nullopt : std::optional(found->second);
}

// Repeats each letter at most `count` times where it stands three times or more.
std::string shortened(std::string_view word, std::size_t count) {
  std::string result;
  for (std::size_t begin = 0; begin < word.size();) {
    std::size_t end = begin;
    while (end < word.size() && word[end] == word[begin]) ++end;
    const std::size_t length = end - begin;
    result.append(length >= 3 ? count : length, word[begin]);
    begin = end;
  }
  return result;
}

std::string squeezed(std::string_view word, const Words& known) {
  for (const std::size_t count : {std::size_t{2}, std::size_t{1}}) {
    if (std::string shorter = shortened(word, count); known.contains(shorter)) return shorter;
  }
  return std::string(word);
}

bool has_triple(std::string_view text) {
  for (std::size_t i = 2; i < text.size(); ++i) {
    if (is_small(text[i]) && text[i] == text[i - 1] && text[i] == text[i - 2]) return true;
  }
  return false;
}

std::string squeeze_all(std::string_view chunk, const Words& known) {
  std::string result;
  for (std::size_t begin = 0; begin < chunk.size();) {
    std::size_t end = begin;
    while (end < chunk.size() && is_small(chunk[end])) ++end;
    if (end > begin) {
      result += squeezed(chunk.substr(begin, end - begin), known);
    } else {
      result += chunk[end++];
    }
    begin = end;
  }
  return result;
}

// Splits at runs of the given characters.
std::vector<std::string> split_at(std::string_view text, std::string_view characters) {
  std::vector<std::string> parts = {""};
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (characters.find(text[at]) == std::string_view::npos) {
      parts.back() += text[at];
    } else if (at == 0 || characters.find(text[at - 1]) == std::string_view::npos) {
      parts.emplace_back();
    }
  }
  return parts;
}

// Whether a word consists of the parts, with one to four other letters between them.
bool fits(std::string_view word, const std::vector<std::string>& parts, std::size_t part) {
  if (!word.starts_with(parts[part])) return false;
  word.remove_prefix(parts[part].size());
  if (part + 1 == parts.size()) return word.empty();
  for (std::size_t hidden = 1; hidden <= std::min(kMostHidden, word.size()); ++hidden) {
    if (fits(word.substr(hidden), parts, part + 1)) return true;
  }
  return false;
}

std::optional<std::string> censored(std::string_view chunk) {
  static const auto& listed = never_destroyed<std::vector<std::string>>([] {
    const Words words = words_of(read_sections("crisis/spelling.txt"), "censored");
    std::vector<std::string> sorted(words.begin(), words.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }());
  const std::vector<std::string> parts = split_at(chunk, "*#");
  for (const std::string& word : listed) {
    if (fits(word, parts, 0)) return word;
  }
  return std::nullopt;
}

// The known words that a chunk hides.
std::optional<std::string> unhidden(const std::string& chunk, const Words& known) {
  if (chunk.find_first_of("*#") != std::string::npos) {
    if (auto word = censored(chunk)) return word;
  }
  const std::string plain = without_leet(chunk);
  std::string letters;
  std::copy_if(plain.begin(), plain.end(), std::back_inserter(letters), is_small);
  if (letters != chunk && known.contains(letters)) return letters;
  const std::vector<std::string> parts = split_at(plain, "._-");
  if (parts.size() == 1 || !std::all_of(parts.begin(), parts.end(), is_alphabetic)) {
    return std::nullopt;
  }
  std::string joined = parts[0];
  for (std::size_t i = 1; i < parts.size(); ++i) joined += " " + parts[i];
  return joined;
}

// What lies between white space, with its hidden words written out.
std::string shown(std::string_view whole, const Words& known) {
  const std::size_t last = whole.find_last_not_of(kEnds);
  const std::size_t length = last == std::string_view::npos ? 0 : last + 1;
  std::string chunk(whole.substr(0, length));
  if (count_code_points(chunk) > kLongestHidden) return std::string(whole);
  if (hiding().is_in(chunk)) chunk = unhidden(chunk, known).value_or(chunk);
  if (has_triple(chunk)) chunk = squeeze_all(chunk, known);
  return chunk.append(whole.substr(length));
}

std::string joined(std::string_view letters_apart, const Words& known) {
  std::string letters;
  for (const char c : letters_apart) {
    if (std::string_view(" ._*~-").find(c) == std::string_view::npos) letters += c;
  }
  return " " + split_known(without_leet(letters), known).value_or(std::string(letters_apart)) + " ";
}

}  // namespace

bool is_suspicious(std::string_view text) { return suspicious().is_in(text); }

std::string reveal(std::string_view text, const Words& known) {
  const std::string whole =
      spaced().replace(text, [&](std::string_view match) { return joined(match, known); });
  std::string result;
  std::size_t begin = 0;  // of what lies between white space
  for (std::size_t at = 0; at < whole.size();) {
    const std::size_t here = at;
    if (!is_white_space(next_code_point(whole, at))) continue;
    if (here > begin) result += shown(std::string_view(whole).substr(begin, here - begin), known);
    result.append(whole, here, at - here);
    begin = at;
  }
  if (begin < whole.size()) result += shown(std::string_view(whole).substr(begin), known);
  return result;
}

}  // namespace mime_fast
