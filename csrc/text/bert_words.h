#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/regex.h"

namespace mime_fast {

// A character of a word, and the bytes of the text that it was made of.
struct BertCharacter {
  std::int32_t code_point;
  Span origin;
};
using BertWord = std::vector<BertCharacter>;

// The words of a text as BERT's tokenisers split it: in lower case and without accents. Each
// punctuation mark and each Chinese character is a word. BertNormalizer and BertPreTokenizer of
// `tokenizers` do the same with their defaults. text: valid UTF-8.
std::vector<BertWord> bert_words(std::string_view text);

}  // namespace mime_fast
