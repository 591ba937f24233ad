#include "text/word_list.h"

#include <algorithm>

#include "io/utf8.h"
#include "text/unicode.h"

namespace mime_fast {
namespace {

// The words of a pattern: those of a text, with * behind one that has any ending.
std::vector<std::string> pattern_words(std::string_view pattern) {
  std::vector<std::string> words;
  for (std::string& part : split(pattern)) {
    const bool has_any_ending = part.back() == '*';
    for (std::string& word : words_in(part)) words.push_back(std::move(word));
    if (has_any_ending) words.back() += '*';
  }
  return words;
}

std::string stem_of(const std::string& word) {
  return word.back() == '*' ? word.substr(0, word.size() - 1) : word;
}

}  // namespace

std::vector<std::string> words_in(std::string_view text) {
  std::vector<std::string> words;
  bool is_inside = false;
  bool has_apostrophe = false;  // behind the newest word
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const std::int32_t code_point = next_code_point(text, at);
    if (is_letter_or_number(code_point)) {
      if (has_apostrophe) words.back() += '\'';
      if (!is_inside && !has_apostrophe) words.emplace_back();
      words.back().append(text, begin, at - begin);
      is_inside = true;
      has_apostrophe = false;
    } else {
      has_apostrophe = is_inside && code_point == '\'';
      is_inside = false;
    }
  }
  return words;
}

WordList::WordList(std::string_view table) {
  for (const std::string& line : content_lines(table)) {
    for (const std::string& pattern : split(line, ",")) {
      const Phrase phrase = pattern_words(pattern);
      if (!phrase.empty()) add(phrase);
    }
  }
}

void WordList::add(const Phrase& phrase) {
  for (const std::string& word : phrase) words_.insert(stem_of(word));
  if (phrase.size() > 1) {
    longer_[phrase.front()].push_back(phrase);
  } else if (phrase.front().back() == '*') {
    stems_.push_back(stem_of(phrase.front()));
  } else {
    alone_.insert(phrase.front());
  }
}

bool WordList::occurs_among(const std::vector<std::string>& words) const {
  for (std::size_t place = 0; place < words.size(); ++place) {
    const std::string& word = words[place];
    if (alone_.contains(word)) return true;
    const auto begins = [&](const std::string& stem) { return word.starts_with(stem); };
    if (std::any_of(stems_.begin(), stems_.end(), begins)) return true;
    const auto found = longer_.find(word);
    if (found == longer_.end()) continue;
    for (const Phrase& phrase : found->second) {
      if (matches(words, place, phrase)) return true;
    }
  }
  return false;
}

bool WordList::matches(const std::vector<std::string>& text, std::size_t place,
                       const Phrase& phrase) const {
  if (place + phrase.size() > text.size()) return false;
  for (std::size_t i = 0; i < phrase.size(); ++i) {
    const bool has_any_ending = i + 1 == phrase.size() && phrase[i].back() == '*';
    const std::string& word = text[place + i];
    if (has_any_ending ? !word.starts_with(stem_of(phrase[i])) : word != phrase[i]) return false;
  }
  return true;
}

}  // namespace mime_fast
