#include "text/pieces.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <queue>
#include <stdexcept>

#include "io/json.h"
#include "io/utf8.h"
#include "text/never_destroyed.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace mime_fast {
namespace {

// SmolLM2's pieces at the special ids.
constexpr const char* kSpecial[] = {"<repo_name>", "<|endoftext|>", "<|im_start|>", "<|im_end|>",
                                    "<reponame>",  "<file_sep>",    "<filename>"};
constexpr const char* kWords =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

bool is_special(const std::string& piece) {
  return std::find(std::begin(kSpecial), std::end(kSpecial), piece) != std::end(kSpecial);
}

bool is_printable(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

// The byte that a character of a piece stands for; -1: none. In GPT-2's table a byte that can be
// seen stands for itself. The characters from U+0100 on stand for the others.
int byte_of(std::int32_t code_point) {
  constexpr int kFirst = 0x100;
  if (code_point < kFirst) return is_printable(code_point) ? code_point : -1;
  int place = code_point - kFirst;
  for (int byte = 0; byte < 256; ++byte) {
    if (!is_printable(byte) && place-- == 0) return byte;
  }
  return -1;
}

std::string bytes_of(const std::string& piece) {
  std::string bytes;
  for (std::size_t at = 0; at < piece.size();) {
    const int byte = byte_of(next_code_point(piece, at));
    if (byte < 0) {
      throw std::invalid_argument("reply.pieces holds " + quoted(piece) +
                                  ", which is no piece of bytes");
    }
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

std::uint64_t key_of(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

// A piece of a word that is being merged; a list, whose ends are -1.
struct Symbol {
  std::int32_t id;
  std::ptrdiff_t before, behind;
  bool is_gone;  // merged with the one before
};

// A symbol for each byte; what has no piece is left out, as by `tokenizers`.
std::vector<Symbol> to_symbols(std::string_view word,
                               const std::array<std::int32_t, 256>& byte_ids) {
  std::vector<Symbol> symbols;
  for (const char byte : word) {
    const std::int32_t id = byte_ids[static_cast<unsigned char>(byte)];
    const std::ptrdiff_t place = std::ssize(symbols);
    if (id < 0) continue;
    symbols.push_back({.id = id, .before = place - 1, .behind = place + 1, .is_gone = false});
  }
  if (!symbols.empty()) symbols.back().behind = -1;
  return symbols;
}

// A pair that may be merged; the first of the lowest rank is.
struct Pair {
  std::int64_t rank;
  std::size_t left;
  std::int32_t id;  // of what it becomes

  bool operator>(const Pair& other) const {
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};

}  // namespace

PieceTokenizer::PieceTokenizer(const std::vector<std::string>& pieces,
                               const std::vector<Merge>& merges)
    : bytes_(std::size(kSpecial)) {
  byte_ids_.fill(-1);
  for (const std::string& piece : pieces) {
    if (is_special(piece)) continue;
    bytes_.push_back(bytes_of(piece));
    if (bytes_.back().size() != 1) continue;
    const auto byte = static_cast<unsigned char>(bytes_.back()[0]);
    byte_ids_[byte] = static_cast<std::int32_t>(bytes_.size() - 1);
  }
  add_merges(pieces, merges);
}

void PieceTokenizer::add_merges(const std::vector<std::string>& pieces,
                                const std::vector<Merge>& merges) {
  std::unordered_map<std::string, std::int32_t> ids;
  auto next = static_cast<std::int32_t>(std::size(kSpecial));
  for (const std::string& piece : pieces) {
    const auto* special = std::find(std::begin(kSpecial), std::end(kSpecial), piece);
    const bool is_own = special == std::end(kSpecial);
    ids[piece] = is_own ? next++ : static_cast<std::int32_t>(special - std::begin(kSpecial));
  }
  std::int64_t rank = 0;
  for (const auto& [left, right] : merges) {
    const auto found_left = ids.find(left), found_right = ids.find(right);
    const bool is_pair = found_left != ids.end() && found_right != ids.end();
    const auto merged = ids.find(left + right);
    if (!is_pair || merged == ids.end()) {
      throw std::invalid_argument("reply.merges holds [" + quoted(left) + ", " + quoted(right) +
                                  "], which " +
                                  (is_pair ? "makes no piece" : "is no pair of pieces"));
    }
    // A pair that stands twice has the later rank.
    const std::uint64_t key = key_of(found_left->second, found_right->second);
    merges_.insert_or_assign(key, Merged{rank++, merged->second});
  }
}

const PieceTokenizer::Merged* PieceTokenizer::find_merge(std::int32_t left,
                                                         std::int32_t right) const {
  const auto found = merges_.find(key_of(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

TokenIds PieceTokenizer::encode(std::string_view text) const {
  static const auto& words = never_destroyed<Regex>(kWords);
  TokenIds ids;
  const auto append = [&](std::string_view part) {
    for (const Span& word : words.find_all(part)) {
      append_word(part.substr(word.begin, word.end - word.begin), ids);
    }
  };
  std::size_t from = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (!is_number(next_code_point(text, at))) continue;
    append(text.substr(from, begin - from));
    append_word(text.substr(begin, at - begin), ids);
    from = at;
  }
  append(text.substr(from));
  return ids;
}

void PieceTokenizer::append_word(std::string_view word, TokenIds& ids) const {
  std::vector<Symbol> symbols = to_symbols(word, byte_ids_);
  std::priority_queue<Pair, std::vector<Pair>, std::greater<>> pairs;
  const auto merge_of = [&](std::size_t left) -> const Merged* {
    const std::ptrdiff_t right = symbols[left].behind;
    if (right < 0) return nullptr;
    return find_merge(symbols[left].id, symbols[static_cast<std::size_t>(right)].id);
  };
  const auto push = [&](std::size_t left) {
    if (const Merged* merge = merge_of(left)) pairs.push({merge->rank, left, merge->id});
  };
  for (std::size_t i = 0; i < symbols.size(); ++i) push(i);
  while (!pairs.empty()) {
    const Pair pair = pairs.top();
    pairs.pop();
    Symbol& left = symbols[pair.left];
    const Merged* merge = left.is_gone ? nullptr : merge_of(pair.left);
    if (merge == nullptr || merge->id != pair.id) continue;  // one of the two was merged meanwhile
    Symbol& right = symbols[static_cast<std::size_t>(left.behind)];
    left.id = pair.id;
    left.behind = right.behind;
    right.is_gone = true;
    if (left.behind >= 0) {
      symbols[static_cast<std::size_t>(left.behind)].before =
          static_cast<std::ptrdiff_t>(pair.left);
    }
    if (left.before >= 0) push(static_cast<std::size_t>(left.before));
    push(pair.left);
  }
  for (const Symbol& symbol : symbols) {
    if (!symbol.is_gone) ids.push_back(symbol.id);
  }
}

}  // namespace mime_fast
