#include "text/message.h"

#include <algorithm>
#include <stdexcept>

#include "io/json.h"
#include "io/utf8.h"
#include "text/never_destroyed.h"
#include "text/parts.h"
#include "text/plain_characters.h"
#include "text/regex.h"
#include "text/unicode.h"
#include "text/white_space.h"

namespace mime_fast {
namespace {

constexpr std::size_t kMaxCharacters = 100'000;
constexpr std::size_t kMostOfOne = 18;  // characters that NFKC makes of U+FDFA
constexpr std::size_t kMostShown = 60;

constexpr const char* kSequence =
    "\x1b(?:"
    "\\[[0-?]*[ -/]*[@-~]?"                        // CSI: arrows, Home and End, colours
    "|[\\]PX^_][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)"  // strings: titles, links
    "|O[ -~]?"                                     // SS3: function keys
    "|[!-/]*[0-~]?"                                // Alt and a key, character sets
    ")";
constexpr const char* kInvisible =
    "[[\\p{C}\\p{Default_Ignorable_Code_Point}]&&[^\\t-\\r\\u0085\\p{Extended_Pictographic}]]";

[[noreturn]] void refuse(const std::string& problem) { throw std::invalid_argument(problem); }

bool is_plain_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_blank(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (!is_space(next_code_point(text, at))) return false;
  }
  return true;
}

// Refuses a text that is too long, or becomes so by NFKC.
void check_length(std::string_view text, const std::string& name) {
  const std::size_t length = count_code_points(text);
  if (length > kMaxCharacters) {
    refuse(name + " has " + std::to_string(length) + " characters, more than " +
           std::to_string(kMaxCharacters) + "; shorten it");
  }
  if (length * kMostOfOne <= kMaxCharacters || is_ascii(text)) return;
  std::size_t plain = 0;
  for (const std::string_view part : parts_of(text)) {
    plain += count_code_points(normalized(part, Form::nfkc));
    if (plain <= kMaxCharacters) continue;
    refuse(name + " has more than " + std::to_string(kMaxCharacters) +
           " characters once they are normalised (NFKC); shorten it");
  }
}

std::string check_turn(std::string_view given, const std::string& name) {
  std::size_t at = 0;
  if (!is_utf8(given, at)) {
    refuse(name + " is not valid UTF-8 at byte " + std::to_string(at) + "; send UTF-8 text");
  }
  std::string text = strip_escapes(given);
  check_length(text, name);
  if (is_blank(given)) refuse(name + " is empty; write at least one word");
  if (!holds_word(text)) {
    refuse(name + " is " + shown(given) + ", which holds no word; write at least one word");
  }
  return text;
}

}  // namespace

std::vector<std::string> check_turns(const std::vector<std::string_view>& turns) {
  if (turns.size() % 2 == 0) {
    refuse("a history must hold an odd number of turns (speaker first, speaker last), got " +
           std::to_string(turns.size()));
  }
  std::vector<std::string> checked;
  for (const std::string_view turn : turns) {
    checked.push_back(check_turn(turn, "turn " + std::to_string(checked.size() + 1)));
  }
  return checked;
}

bool holds_word(std::string_view text) {
  if (std::any_of(text.begin(), text.end(), is_plain_word)) return true;
  const std::vector<std::string_view> parts = parts_of(text);
  return std::any_of(parts.begin(), parts.end(), [](std::string_view part) {
    return !is_blank(plain_characters().normalize(part));
  });
}

std::vector<std::size_t> turns_to_search(const std::vector<std::string>& turns) {
  std::vector<std::size_t> found;
  std::size_t length = 0;
  for (std::size_t left = turns.size(); left > 0; left -= std::min<std::size_t>(left, 2)) {
    length += count_code_points(turns[left - 1]);
    if (length > kMaxCharacters && !found.empty()) break;
    found.push_back(left - 1);
  }
  return found;
}

bool is_visible(std::string_view text) {
  static const auto& invisible = never_destroyed<Regex>(kInvisible);
  return !invisible.replace(text, [](std::string_view) { return std::string(); }).empty();
}

std::string strip_escapes(std::string_view text) {
  static const auto& sequence = never_destroyed<Regex>(kSequence);
  if (text.find('\x1b') == std::string_view::npos) return std::string(text);
  return sequence.replace(text, [](std::string_view) { return std::string(); });
}

std::string shown(std::string_view text) { return quoted(text.substr(0, kMostShown)); }

}  // namespace mime_fast
