#include "text/dialogue.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <span>
#include <utility>

#include "io/utf8.h"
#include "search/special.h"
#include "text/unicode.h"

namespace mime_fast {
namespace {

// In characters, as LONGEST_FRAGMENT of mime_fast/text/unknown_words.py.
constexpr std::size_t kLongestFragment = 3;

TokenIds encode_turn(const ReplyTokenizer& tokenizer, const std::string& turn) {
  TokenIds ids = tokenizer.encode(turn);
  ids.insert(ids.end(), tokenizer.turn_end().begin(), tokenizer.turn_end().end());
  return ids;
}

// The ids of the latest turns, at least one; the turns before them are not even tokenised.
std::deque<TokenIds> latest_that_fit(const ReplyTokenizer& tokenizer,
                                     const std::vector<std::string>& turns, std::size_t room) {
  std::deque<TokenIds> kept = {encode_turn(tokenizer, turns.back())};
  std::size_t length = kept.back().size();
  for (std::size_t turn = turns.size() - 1; turn-- > 0;) {
    TokenIds ids = encode_turn(tokenizer, turns[turn]);
    if (length + ids.size() > room) break;
    length += ids.size();
    kept.push_front(std::move(ids));
  }
  return kept;
}

bool is_word(const std::string& token) {
  for (std::size_t at = 0; at < token.size();) {
    if (is_visible_word(next_code_point(token, at))) return true;
  }
  return false;
}

// The text of each of the last ids of a turn; "" where it continues the word before.
std::vector<std::string> last_tokens(const ReplyTokenizer& tokenizer, const std::string& turn,
                                     std::span<const std::int32_t> ids) {
  std::vector<std::string> tokens;
  if (std::find(ids.begin(), ids.end(), kUnk) == ids.end()) {  // no second tokenisation
    for (const std::int32_t id : ids) tokens.push_back(tokenizer.context_word(id));
    return tokens;
  }
  tokens = tokenizer.tokenize(turn);
  tokens.erase(tokens.begin(), tokens.end() - std::ssize(ids));
  return tokens;
}

// Whether a word is not in the vocabulary, or is split into nothing but fragments.
bool is_unknown(const ReplyTokenizer& tokenizer, std::span<const std::int32_t> pieces) {
  if (std::find(pieces.begin(), pieces.end(), kUnk) != pieces.end()) return true;
  return pieces.size() > 1 && std::all_of(pieces.begin(), pieces.end(), [&](std::int32_t id) {
           return count_code_points(tokenizer.context_piece(id)) <= kLongestFragment;
         });
}

}  // namespace

EncodedDialogue encode_dialogue(const ReplyTokenizer& tokenizer,
                                const std::vector<std::string>& turns, std::int64_t max_positions) {
  const auto room = static_cast<std::size_t>(max_positions - 1);
  std::deque<TokenIds> kept = latest_that_fit(tokenizer, turns, room);
  EncodedDialogue result;
  result.dropped_turns = static_cast<std::int64_t>(turns.size() - kept.size());
  if (TokenIds& first = kept.front(); first.size() > room) {
    const auto dropped = static_cast<std::ptrdiff_t>(first.size() - room);
    result.dropped_words = dropped;
    first.erase(first.begin(), first.begin() + dropped);
  }
  result.dialogue.tokens = {kCls};
  result.dialogue.speakers = {kCls};
  for (std::size_t turn = 0; turn < kept.size(); ++turn) {
    const bool is_speaker = (kept.size() - 1 - turn) % 2 == 0;
    auto& [tokens, speakers] = result.dialogue;
    tokens.insert(tokens.end(), kept[turn].begin(), kept[turn].end());
    speakers.insert(speakers.end(), kept[turn].size(), is_speaker ? kUsr : kSys);
  }
  result.last_turn = std::move(kept.back());
  return result;
}

WordCounts count_words(const ReplyTokenizer& tokenizer, const std::string& turn,
                       const TokenIds& ids) {
  const auto own = std::span(ids).first(ids.size() - tokenizer.turn_end().size());
  const std::vector<std::string> tokens = last_tokens(tokenizer, turn, own);
  WordCounts counts;
  for (std::size_t begin = 0, end = 0; begin < own.size(); begin = end) {
    end = begin + 1;
    while (end < own.size() && tokens[end].empty()) ++end;
    if (!is_word(tokens[begin])) continue;  // punctuation, or a word whose first piece was cut off
    ++counts.words;
    if (is_unknown(tokenizer, own.subspan(begin, end - begin))) ++counts.unknown;
  }
  return counts;
}

}  // namespace mime_fast
