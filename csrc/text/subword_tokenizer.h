#pragma once

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"
#include "text/pieces.h"
#include "text/reply_tokenizer.h"
#include "text/word_pieces.h"

namespace mime_fast {

// The tokeniser of mime-base, as mime_fast/text/subword_tokenizer.py: contexts in word pieces,
// replies in byte-level subwords.
class SubwordTokenizer final : public ReplyTokenizer {
 public:
  static constexpr const char* kKind = "mime_base";  // in the file

  // document: what a tokenizer.json of this kind holds. Throws std::invalid_argument that says what
  // is wrong with it.
  explicit SubwordTokenizer(const JsonValue& document);

  std::int64_t vocab_size() const override { return std::ssize(reply_.bytes()); }
  std::int64_t context_vocab_size() const override { return std::ssize(context_.pieces()); }
  TokenIds encode(std::string_view text) const override;
  const TokenIds& turn_end() const override { return turn_end_; }
  std::vector<std::string> tokenize(std::string_view text) const override;
  const std::vector<std::string>& context_words() const override { return context_.pieces(); }
  std::string context_word(std::int32_t id) const override { return context_.word(id); }
  std::string_view context_piece(std::int32_t id) const override { return context_.piece(id); }
  // A text may stand inside a reply or begin it, as it is given or in other case.
  std::vector<TokenIds> spellings(std::string_view text) const override;
  TokenIds as_context(const TokenIds& ids) const override { return encode(decode(ids)); }
  // The bytes of a piece, which need not be whole characters.
  const std::string& word(std::int32_t id) const override;
  std::string text_of(std::int32_t id) const override;
  ReplyDetokenizer detokenizer() const override { return ReplyDetokenizer(PieceDetokenizer()); }

 private:
  WordPieceTokenizer context_;
  PieceTokenizer reply_;
  TokenIds turn_end_;
};

}  // namespace mime_fast
