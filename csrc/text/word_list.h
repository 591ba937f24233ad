#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tables.h"

namespace mime_fast {

// Words of a text: letters and digits, with apostrophes between them. text: valid UTF-8.
std::vector<std::string> words_in(std::string_view text);

// The patterns of a table, as mime_fast/text/word_list.py reads them: separated by commas; * after
// the last word stands for any ending.
class WordList {
 public:
  explicit WordList(std::string_view table);

  // Whether any pattern occurs in a text in lower case.
  bool occurs_in(std::string_view text) const { return occurs_among(words_in(text)); }
  // Whether any pattern occurs in words in their order and in lower case.
  bool occurs_among(const std::vector<std::string>& words) const;
  // All words of the patterns, without *.
  const Words& words() const { return words_; }

 private:
  using Phrase = std::vector<std::string>;

  void add(const Phrase& phrase);
  bool matches(const std::vector<std::string>& text, std::size_t place, const Phrase& phrase) const;

  Words words_, alone_;
  std::vector<std::string> stems_;
  std::unordered_map<std::string, std::vector<Phrase>> longer_;  // by the first word
};

}  // namespace mime_fast
