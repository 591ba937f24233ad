#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "search/hypothesis.h"
#include "text/regex.h"

namespace mime_fast {

// Text to word-piece ids, as mime_fast/text/word_pieces.py: a word is split into known pieces.
class WordPieceTokenizer {
 public:
  // pieces: distinct; those of special ids come first, whether or not they are among them.
  explicit WordPieceTokenizer(const std::vector<std::string>& pieces);

  const std::vector<std::string>& pieces() const { return pieces_; }
  TokenIds encode(std::string_view text) const;
  // The text of each id; "" where it continues the word of the piece before.
  std::vector<std::string> tokenize(std::string_view text) const;
  // The piece of an id; "" where it continues the word of the piece before.
  std::string word(std::int32_t id) const;
  // The piece of an id without "##".
  std::string_view piece(std::int32_t id) const;

 private:
  struct Token {
    std::int32_t id;
    Span origin;  // in the text
  };
  std::vector<Token> split(std::string_view text) const;

  std::vector<std::string> pieces_;
  std::unordered_map<std::string, std::int32_t> ids_;
};

}  // namespace mime_fast
