#include "text/detokenizer.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "io/utf8.h"
#include "text/never_destroyed.h"

namespace mime_fast {
namespace {

using Words = std::unordered_set<std::string>;
using Texts = std::unordered_map<std::string, std::string>;
using WordsByText = std::unordered_map<std::string, Words>;

const Words& kNeverShown = never_destroyed<Words>(Words{"PAD", "EOS", "SOS", "USR", "SYS", "CLS"});
const Words& kClitics = never_destroyed<Words>(Words{"n't", "'s", "'m", "'d", "'re", "'ve", "'ll"});
const Words& kJoinedLeft =
    never_destroyed<Words>(Words{"n't", "'s", "'m", "'d",  "'re", "'ve", "'ll", ":", ";", ",",
                                 ".",   "!",  "?",  "...", ")",   "]",   "}",   "%", "'", "''"});
const Words& kJoinedRight = never_destroyed<Words>(Words{"(", "[", "{", "$", "#", "``"});
const Texts& kMouths = never_destroyed<Texts>(
    Texts{{")", ")"}, {"(", "("}, {"/", "/"}, {"-", "-"}, {"d", "D"}, {"p", "P"}});
// A word, and what it is written together with when that precedes it.
const WordsByText& kCompounds = never_destroyed<WordsByText>(WordsByText{{"not", {"can"}},
                                                                         {"na", {"gon", "wan"}},
                                                                         {"ta", {"got"}},
                                                                         {"me", {"gim", "lem"}},
                                                                         {"'ye", {"d"}},
                                                                         {"is", {"'t"}},
                                                                         {"was", {"'t"}},
                                                                         {"3", {"<"}}});
const Texts& kSpellings = never_destroyed<Texts>(Texts{{"UNK", "<unk>"},
                                                       {"``", "\""},
                                                       {"''", "\""},
                                                       {"i", "I"},
                                                       {"tv", "TV"},
                                                       {"usa", "USA"},
                                                       {"u.s.", "U.S."}});

// An end, a title without its period, or a word with a period that the tokeniser kept ("ok.").
bool is_before_capital(const std::string& word) {
  if (word == "." || word == "!" || word == "?" || word == "mr" || word == "mrs") return true;
  return word != "vs." && word.size() > 1 && word.find('.') == word.size() - 1;
}

}  // namespace

std::string Detokenizer::push(const std::string& word) {
  if (kNeverShown.contains(word)) return "";
  if (!eyes_.empty() && kMouths.contains(word)) return write_smiley(word);
  std::string piece = finish();
  if (word == ":" || word == ";") {
    eyes_ = word;
    return piece;
  }
  return piece + write(word);
}

std::string Detokenizer::finish() {
  const std::string eyes = std::exchange(eyes_, "");
  return eyes.empty() ? "" : write(eyes);
}

std::string Detokenizer::write_smiley(const std::string& mouth) {
  const std::string eyes = std::exchange(eyes_, "");
  const char* blank = glued_ ? "" : " ";
  previous_ = eyes + mouth;
  capital_ = true;
  glued_ = mouth == "-";  // a nose: its mouth follows
  return blank + eyes + kMouths.at(mouth);
}

std::string Detokenizer::write(const std::string& word) {
  const auto before = kCompounds.find(word);
  const bool is_compound = before != kCompounds.end() && before->second.contains(previous_);
  const bool is_joined = glued_ || kJoinedLeft.contains(word) || is_compound;
  std::string piece = (is_joined ? "" : " ") + spelled(word);
  glued_ = kJoinedRight.contains(word) || (word == "'" && glued_);  // an opening quote
  if (is_before_capital(word)) {
    capital_ = true;
  } else if (holds_letter_or_number(word)) {
    capital_ = false;
  }
  previous_ = word;
  return piece;
}

std::string Detokenizer::spelled(const std::string& word) const {
  if (const auto found = kSpellings.find(word); found != kSpellings.end()) return found->second;
  const bool stays = kClitics.contains(word) || !(capital_ || lexicon_->is_proper_noun(word));
  return stays ? word : capitalized(word);
}

bool Detokenizer::holds_letter_or_number(std::string_view word) const {
  for (std::size_t at = 0; at < word.size();) {
    if (lexicon_->is_letter_or_number(next_code_point(word, at))) return true;
  }
  return false;
}

std::string Detokenizer::capitalized(const std::string& word) const {
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t begin = at;
    const std::int32_t letter = next_code_point(word, at);
    if (!lexicon_->is_letter_or_number(letter)) continue;
    std::string result = word.substr(0, begin);
    append_utf8(static_cast<std::uint32_t>(lexicon_->capital_of(letter)), result);
    return result + word.substr(at);
  }
  return word;
}

std::string detokenize(const std::vector<std::string>& words, const Lexicon& lexicon) {
  Detokenizer detokenizer(lexicon);
  std::string text;
  for (const std::string& word : words) text += detokenizer.push(word);
  return text + detokenizer.finish();
}

}  // namespace mime_fast
