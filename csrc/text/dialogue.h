#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/encode.h"
#include "text/reply_tokenizer.h"

namespace mime_fast {

// A dialogue as the model reads it, and what was cut from its oldest end.
struct EncodedDialogue {
  Dialogue dialogue;
  std::int64_t dropped_turns = 0;  // whole turns
  std::int64_t dropped_words = 0;  // of the only turn that is left
  TokenIds last_turn;              // the tokens of the last turn that were kept
};

// Encodes turns, oldest first, as mime_fast/text/dialogue.py: the latest ones that fit.
EncodedDialogue encode_dialogue(const ReplyTokenizer& tokenizer,
                                const std::vector<std::string>& turns, std::int64_t max_positions);

struct WordCounts {
  std::int64_t words = 0;
  std::int64_t unknown = 0;
};
// Counts the words among `ids`, the last tokens of a turn and its end, as
// mime_fast/text/unknown_words.py. Punctuation is none.
WordCounts count_words(const ReplyTokenizer& tokenizer, const std::string& turn,
                       const TokenIds& ids);

}  // namespace mime_fast
