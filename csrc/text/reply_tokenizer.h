#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "search/hypothesis.h"
#include "text/reply_words.h"

namespace mime_fast {

// What a checkpoint's tokeniser does, whichever it is: Tokenizer or SubwordTokenizer, as
// mime_fast/text/reply_tokenizer.py. Texts are valid UTF-8. Any number of threads may use one.
class ReplyTokenizer : public ReplyWords {
 public:
  // Number of ids of a reply, and of a context.
  virtual std::int64_t vocab_size() const = 0;
  virtual std::int64_t context_vocab_size() const = 0;

  // The ids of a turn of a context, without those that end it.
  virtual TokenIds encode(std::string_view text) const = 0;
  virtual const TokenIds& turn_end() const = 0;
  // The text of each id of encode(); "" where it continues the word before.
  virtual std::vector<std::string> tokenize(std::string_view text) const = 0;
  // The word or word piece of each id of a context.
  virtual const std::vector<std::string>& context_words() const = 0;
  // The word of a context's id; "" where it continues the word before.
  virtual std::string context_word(std::int32_t id) const = 0;
  // The characters of a context's id, also where it continues the word before.
  virtual std::string_view context_piece(std::int32_t id) const = 0;

  // The ids that a text may have in a reply.
  virtual std::vector<TokenIds> spellings(std::string_view text) const = 0;
  // The ids of a reply -> those of a context with the same text.
  virtual TokenIds as_context(const TokenIds& ids) const = 0;
  // What the probabilities of tokens call a reply's id.
  virtual std::string text_of(std::int32_t id) const = 0;

  // The text of a reply.
  std::string decode(const TokenIds& ids) const;

 protected:
  ReplyTokenizer() = default;
  ReplyTokenizer(const ReplyTokenizer&) = default;
  ReplyTokenizer& operator=(const ReplyTokenizer&) = default;
};

}  // namespace mime_fast
