#pragma once

#include <cstdint>
#include <string>

namespace mime_fast {

// What a Detokenizer has to know of words and letters.
class Lexicon {
 public:
  virtual ~Lexicon() = default;

  // Whether a word has a capital wherever it stands.
  virtual bool is_proper_noun(const std::string& word) const = 0;
  virtual bool is_letter_or_number(std::int32_t code_point) const = 0;
  // A letter in upper case, if that is one letter which becomes the same in lower case again; else
  // the letter itself.
  virtual std::int32_t capital_of(std::int32_t letter) const = 0;

 protected:
  Lexicon() = default;
  Lexicon(const Lexicon&) = default;
  Lexicon& operator=(const Lexicon&) = default;
};

}  // namespace mime_fast
