#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tables.h"

namespace mime_fast {

// Words as people type them, by the rules of mime_fast/text/crisis/spelling.py.

// What is written for a word: contractions, slang, misspellings.
const std::unordered_map<std::string, std::string>& expansions();

// The text in lower case with plain quotes, without accents and what is invisible.
std::string fold(std::string_view text);

// The words of each sentence of a plain text, contractions and slang written out, with kEnd before
// and behind. A long sentence comes in parts that overlap.
using Sentence = std::vector<std::string>;
inline const std::string kEnd = ".";
std::vector<Sentence> sentences_of(std::string_view plain);

}  // namespace mime_fast
