#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/lexicon.h"

namespace mime_fast {

// Turns the words of one reply into text: the pieces of push and finish, joined. It only appends,
// so that a stream and the whole reply have the same text. The rules are those of
// mime_fast/text/detokenizer.py.
class Detokenizer {
 public:
  // The lexicon is borrowed.
  explicit Detokenizer(const Lexicon& lexicon) : lexicon_(&lexicon) {}

  // The piece of text that a word adds: "" for a special word, except UNK.
  std::string push(const std::string& word);
  // The piece that waited for a next word; call it once, after the last push.
  std::string finish();

 private:
  std::string write_smiley(const std::string& mouth);
  std::string write(const std::string& word);
  std::string spelled(const std::string& word) const;
  bool holds_letter_or_number(std::string_view word) const;
  // The word with its first letter in upper case, if that is what it begins with.
  std::string capitalized(const std::string& word) const;

  const Lexicon* lexicon_;
  std::string previous_;  // the last word written
  std::string eyes_;      // a ":" or ";" that waits
  bool glued_ = true;     // the next word needs no blank
  bool capital_ = true;   // the next word begins a sentence or is a name
};

std::string detokenize(const std::vector<std::string>& words, const Lexicon& lexicon);

}  // namespace mime_fast
