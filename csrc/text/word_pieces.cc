#include "text/word_pieces.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "io/utf8.h"
#include "search/special.h"
#include "text/bert_words.h"
#include "text/reply_tokenizer.h"

namespace mime_fast {
namespace {

constexpr std::string_view kContinues = "##";  // begins a piece that does not begin a word
constexpr std::size_t kLongestWord = 100;      // in characters; a longer one is unknown
// MiniLM's pieces at the special ids.
constexpr const char* kSpecial[] = {"[UNK]",     "[PAD]",     "[SEP]", "[unused0]",
                                    "[unused1]", "[unused2]", "[CLS]"};

bool is_special(const std::string& piece) {
  return std::find(std::begin(kSpecial), std::end(kSpecial), piece) != std::end(kSpecial);
}

// A word in UTF-8, and where each of its characters ends.
struct Spelled {
  std::string text;
  std::vector<std::size_t> ends;
};

Spelled spell(const BertWord& word) {
  Spelled result;
  for (const BertCharacter& character : word) {
    append_utf8(static_cast<std::uint32_t>(character.code_point), result.text);
    result.ends.push_back(result.text.size());
  }
  return result;
}

}  // namespace

WordPieceTokenizer::WordPieceTokenizer(const std::vector<std::string>& pieces)
    : pieces_(std::begin(kSpecial), std::end(kSpecial)) {
  std::copy_if(pieces.begin(), pieces.end(), std::back_inserter(pieces_),
               [](const std::string& piece) { return !is_special(piece); });
  ids_.reserve(pieces_.size());
  for (std::size_t id = 0; id < pieces_.size(); ++id) {
    ids_.emplace(pieces_[id], static_cast<std::int32_t>(id));
  }
}

// Takes the longest piece that is known, again and again; a rest without one makes the whole word
// unknown.
std::vector<WordPieceTokenizer::Token> WordPieceTokenizer::split(std::string_view text) const {
  std::vector<Token> tokens;
  for (const BertWord& word : bert_words(text)) {
    const Spelled spelled = spell(word);
    const std::size_t first_token = tokens.size();
    std::size_t begin = 0;  // in characters
    while (begin < word.size() && word.size() <= kLongestWord) {
      const std::size_t from = begin == 0 ? 0 : spelled.ends[begin - 1];
      std::string piece(begin == 0 ? "" : kContinues);
      const std::size_t prefix = piece.size();
      piece.append(spelled.text, from);
      std::size_t end = word.size();
      auto found = ids_.find(piece);
      while (found == ids_.end() && --end > begin) {
        piece.resize(prefix + spelled.ends[end - 1] - from);
        found = ids_.find(piece);
      }
      if (found == ids_.end()) break;
      tokens.push_back({found->second, {word[begin].origin.begin, word[end - 1].origin.end}});
      begin = end;
    }
    if (begin == word.size()) continue;
    tokens.resize(first_token);
    tokens.push_back({kUnk, {word.front().origin.begin, word.back().origin.end}});
  }
  return tokens;
}

TokenIds WordPieceTokenizer::encode(std::string_view text) const {
  TokenIds ids;
  for (const Token& token : split(text)) ids.push_back(token.id);
  return ids;
}

std::vector<std::string> WordPieceTokenizer::tokenize(std::string_view text) const {
  std::vector<std::string> words;
  for (const auto& [id, origin] : split(text)) {
    const bool continues = pieces_[static_cast<std::size_t>(id)].starts_with(kContinues);
    words.emplace_back(continues ? "" : text.substr(origin.begin, origin.end - origin.begin));
  }
  return words;
}

std::string WordPieceTokenizer::word(std::int32_t id) const {
  check_id(id, static_cast<std::int64_t>(pieces_.size()));
  const std::string& piece = pieces_[static_cast<std::size_t>(id)];
  return piece.starts_with(kContinues) ? "" : piece;
}

std::string_view WordPieceTokenizer::piece(std::int32_t id) const {
  check_id(id, static_cast<std::int64_t>(pieces_.size()));
  std::string_view piece = pieces_[static_cast<std::size_t>(id)];
  if (piece.starts_with(kContinues)) piece.remove_prefix(kContinues.size());
  return piece;
}

}  // namespace mime_fast
