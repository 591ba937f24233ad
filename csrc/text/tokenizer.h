#pragma once

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/json.h"
#include "text/normalizer.h"
#include "text/reply_tokenizer.h"
#include "text/unicode_lexicon.h"

namespace mime_fast {

// Text to the ids of words, by the steps of a checkpoint's tokenizer.json, as
// mime_fast/text/tokenizer.py does. Contexts and replies have the same ids.
class Tokenizer final : public ReplyTokenizer {
 public:
  // document: what the file holds. Throws std::invalid_argument that says what is wrong with it or
  // not known here.
  explicit Tokenizer(const JsonValue& document);

  std::int64_t vocab_size() const override { return std::ssize(words_); }
  std::int64_t context_vocab_size() const override { return vocab_size(); }
  // kUnk where the vocabulary lacks a word.
  TokenIds encode(std::string_view text) const override;
  const TokenIds& turn_end() const override { return turn_end_; }
  // The words of a text, in the vocabulary or not.
  std::vector<std::string> tokenize(std::string_view text) const override;
  const std::vector<std::string>& context_words() const override { return words_; }
  std::string context_word(std::int32_t id) const override { return word(id); }
  std::string_view context_piece(std::int32_t id) const override { return word(id); }
  // A word has one spelling here, as words have no case.
  std::vector<TokenIds> spellings(std::string_view text) const override { return {encode(text)}; }
  TokenIds as_context(const TokenIds& ids) const override { return ids; }
  const std::string& word(std::int32_t id) const override;
  std::string text_of(std::int32_t id) const override { return word(id); }
  ReplyDetokenizer detokenizer() const override {
    return ReplyDetokenizer(Detokenizer(unicode_lexicon()));
  }

 private:
  Normalizer normalizer_;
  std::vector<std::string> words_;                     // by id
  std::unordered_map<std::string, std::int32_t> ids_;  // by word
  TokenIds turn_end_;                                  // none
};

}  // namespace mime_fast
